#pragma once
// As precompiled_boost.hpp, with Catch, which alone takes longer than most tests.

#include "../src/precompiled_boost.hpp"

#include <catch2/catch.hpp>
