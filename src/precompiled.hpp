#pragma once
// What nearly every file includes, compiled once for all pure rooms (CMake option
// TASUKI_PRECOMPILE). Each file still includes all that it uses: the gates build without this one.

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <boost/system/result.hpp>
#include <fmt/format.h>
