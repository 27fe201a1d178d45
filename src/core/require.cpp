#include "tasuki/core/require.hpp"

#include <cstdio>
#include <cstdlib>

namespace tasuki {

void requirement_broken(char const* condition, char const* file, int line) {
    std::fprintf(stderr, "tasuki: broken invariant: %s (%s:%d)\n", condition, file, line);
    std::abort();
}

} // namespace tasuki
