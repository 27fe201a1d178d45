#pragma once
// As precompiled_io.hpp, with Catch, which alone takes longer than most tests.

#include "../src/precompiled_io.hpp"

#include <catch2/catch.hpp>
