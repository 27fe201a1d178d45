// The beginning of a connection that may be a PROXY header: a verdict that more bytes do not
// change, and what it names is the same after it was written again.
#include "fuzz.hpp"
#include "tasuki/lb/proxy_header.hpp"

namespace tasuki::fuzz {

using namespace lb;

void try_input(byte_view input) {
    using verdict = header_reading::verdict;
    auto const read = read_proxy_header(input);
    TASUKI_REQUIRE((read.is == verdict::bad) == !read.fault.empty());
    TASUKI_REQUIRE(read.is != verdict::more || input.size() < proxy_header_max);
    for (std::size_t size = 0; size < std::min<std::size_t>(input.size(), proxy_header_max);
         ++size) {
        auto const part = read_proxy_header(input.first(size));
        if (part.is == verdict::more)
            continue;
        TASUKI_REQUIRE(part.is == read.is && part.what.size == read.what.size);
        break;
    }
    if (read.is != verdict::whole)
        return;
    TASUKI_REQUIRE(read.what.size > 0 && read.what.size <= input.size());
    TASUKI_REQUIRE(read.what.client.has_value() == read.what.server.has_value());
    if (!read.what.client)
        return;
    for (auto const version : {proxy_header::v1, proxy_header::v2}) {
        auto const again =
            read_proxy_header(write_proxy_header(version, *read.what.client, *read.what.server));
        TASUKI_REQUIRE(again.is == verdict::whole);
        TASUKI_REQUIRE(again.what.client == read.what.client);
        TASUKI_REQUIRE(again.what.server == read.what.server);
    }
}

} // namespace tasuki::fuzz
