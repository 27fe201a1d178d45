// Where libFuzzer comes in.
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
    tasuki::fuzz::try_input(std::as_bytes(std::span{data, size}));
    return 0;
}
