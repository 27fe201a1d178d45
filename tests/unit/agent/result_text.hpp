#pragma once
// Lets a failed CHECK(result) of the tests say what the problem was.
#include "tasuki/core/result.hpp"

#include <catch2/catch.hpp>

#include <string>

template<class T, class E>
struct Catch::StringMaker<boost::system::result<T, E>> {
    static std::string convert(boost::system::result<T, E> const& shown) {
        if (shown)
            return "a value";
        if constexpr (std::is_same_v<E, tasuki::problem>)
            return shown.error().text;
        else
            return std::string{to_string(shown.error())};
    }
};
