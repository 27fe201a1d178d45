#pragma once
// Lets a failed check show why an operation failed.

#include "tasuki/core/result.hpp"

#include <catch2/catch.hpp>

namespace Catch {

template<class T>
struct StringMaker<boost::system::result<T, tasuki::problem>> {
    static std::string convert(boost::system::result<T, tasuki::problem> const& outcome) {
        return outcome.has_value() ? "done" : "failed: " + outcome.error().text;
    }
};

} // namespace Catch
