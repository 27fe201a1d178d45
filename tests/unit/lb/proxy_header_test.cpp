#include "tasuki/lb/proxy_header.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace tasuki::lb {

namespace {

using verdict = header_reading::verdict;

header_reading read(std::string const& text) {
    return read_proxy_header(std::as_bytes(std::span{text}));
}

std::string head_of_v2(int command, int family, int length) {
    std::string out{"\r\n\r\n\0\r\nQUIT\n", 12};
    for (int const each : {command, family, length / 256, length % 256})
        out += static_cast<char>(each);
    return out;
}

std::string written(proxy_header version, std::string const& client, std::string const& server) {
    auto const bytes =
        write_proxy_header(version, *endpoint::parse(client), *endpoint::parse(server));
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

} // namespace

TEST_CASE("a PROXY header says who the client is, in both versions", "[lb]") {
    auto const version = GENERATE(proxy_header::v1, proxy_header::v2);
    auto const from = GENERATE(as<std::string>{}, "10.77.0.9:40000", "[fd77::9]:40000");
    auto const to = from.front() == '[' ? "[fd77::60]:3306" : "10.77.0.60:3306";
    auto const header = written(version, from, to);
    auto const whole = read(header + "SELECT 1");
    REQUIRE(whole.is == verdict::whole);
    CHECK(whole.what.size == header.size());
    REQUIRE(whole.what.client);
    CHECK(whole.what.client->to_string() == from);
    CHECK(whole.what.server->to_string() == to);
    for (std::size_t size = 0; size < header.size(); ++size)
        CHECK(read(header.substr(0, size)).is == verdict::more);
}

TEST_CASE("the header of version 1 is the line that others write", "[lb]") {
    CHECK(written(proxy_header::v1, "10.0.0.1:1", "10.0.0.2:2") ==
          "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n");
    CHECK(written(proxy_header::v1, "10.0.0.1:1", "[fd77::60]:2") == "PROXY UNKNOWN\r\n");
}

TEST_CASE("a PROXY header that names nobody is taken as it is", "[lb]") {
    auto const local = head_of_v2(0x20, 0, 0);
    auto const of_a_unix_socket = head_of_v2(0x21, 0x31, 2) + "ab";
    for (auto const& text :
         {std::string{"PROXY UNKNOWN\r\n"}, std::string{"PROXY UNKNOWN what ever 1 2\r\n"}, local,
          of_a_unix_socket}) {
        auto const it = read(text);
        CHECK(it.is == verdict::whole);
        CHECK_FALSE(it.what.client);
        CHECK(it.what.size == text.size());
    }
}

TEST_CASE("what is no PROXY header is refused, and says why", "[lb]") {
    std::vector<std::string> const all{"GET / HTTP/1.1\r\n",
                                       "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
                                       "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
                                       "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
                                       "PROXY \r\n",
                                       "PROXY TCP4 " + std::string(120, '1'),
                                       head_of_v2(0x31, 0x11, 12),
                                       head_of_v2(0x22, 0x11, 12),
                                       head_of_v2(0x21, 0x11, 65535),
                                       head_of_v2(0x21, 0x11, 4) + "aaaa"};
    for (auto const& text : all) {
        INFO(text);
        auto const it = read(text);
        CHECK(it.is == verdict::bad);
        CHECK(it.fault.find("PROXY header") != std::string::npos);
    }
}

} // namespace tasuki::lb
