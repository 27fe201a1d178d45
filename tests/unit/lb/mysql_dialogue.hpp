#pragma once
// A MySQL connection written down packet by packet, and shown to a follower in pieces of any size,
// each of them to another process, which goes on where the one before has left it.
#include "tasuki/core/archive.hpp"
#include "tasuki/lb/mysql_session.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>

namespace tasuki::lb {

inline byte_string bytes_of_text(std::string_view text) {
    auto const* const data = reinterpret_cast<std::byte const*>(text.data());
    return {data, data + text.size()};
}

inline std::string little(std::uint64_t value, std::size_t size) {
    std::string out;
    for (std::size_t at = 0; at < size; ++at)
        out += static_cast<char>(value >> (8 * at) & 0xffU);
    return out;
}

inline std::string packet_of(std::uint8_t sequence, std::string const& payload) {
    return little(payload.size(), 3) + static_cast<char>(sequence) + payload;
}

inline std::string with_length(std::string const& text) {
    return little(text.size(), 1) + text;
}

constexpr unsigned autocommit = 0x0002;

inline std::string ok(unsigned status, std::string const& more = {}) {
    return std::string(3, '\0') + little(status, 2) + little(0, 2) + more;
}
/// The same as the end of rows, for who does without EOF.
inline std::string ok_end(unsigned status) {
    return '\xfe' + std::string(2, '\0') + little(status, 2) + little(0, 2);
}
inline std::string eof(unsigned status) {
    return '\xfe' + little(0, 2) + little(status, 2);
}
inline std::string error(unsigned number) {
    return '\xff' + little(number, 2) + "#HY000no";
}
inline std::string const definition = with_length("def") + std::string(20, 'd');

constexpr std::uint64_t plain = wire::protocol_41 | wire::mysql_server;

inline std::string greeting(std::uint64_t offered = 0xffffffff) {
    return '\x0a' + std::string("10.11.6-MariaDB") + '\0' + little(7, 4) + "saltsalt" + '\0' +
           little(offered, 2) + '\x2d' + little(autocommit, 2) + little(offered >> 16U, 2) +
           '\x15' + std::string(10, '\0') + "moresaltmore" + '\0';
}
inline std::string login(std::uint64_t capable) {
    return little(capable, 4) + little(1U << 24U, 4) + '\x2d' + std::string(19, '\0') +
           little(capable >> 32U, 4) + std::string("app") + '\0' +
           with_length("twentybytesofanswer!");
}

class dialogue {
  public:
    explicit dialogue(std::size_t piece = 1U << 20U)
        : piece_(piece) {}

    /// Logged in with these capabilities.
    static dialogue open(std::uint64_t capable = plain, std::size_t piece = 1U << 20U) {
        dialogue out{piece};
        out.server({greeting()}, 0);
        out.client(login(capable), 1);
        out.server({ok(autocommit)}, 2);
        return out;
    }

    dialogue& client(std::string const& payload, std::uint8_t sequence = 0) {
        show(packet_of(sequence, payload), true);
        return *this;
    }
    dialogue& server(std::vector<std::string> const& payloads, std::uint8_t sequence = 1) {
        std::string all;
        for (auto const& each : payloads)
            all += packet_of(sequence++, each);
        show(all, false);
        return *this;
    }
    dialogue& query(std::string const& text) { return client('\x03' + text); }

    mysql_session it;

  private:
    void show(std::string const& all, bool from_client) {
        auto const bytes = bytes_of_text(all);
        byte_view rest{bytes};
        while (!rest.empty()) {
            auto const some = rest.first(std::min(piece_, rest.size()));
            from_client ? it.from_client(some) : it.from_server(some);
            rest = rest.subspan(some.size());
            mysql_session next;
            REQUIRE(unarchive(archived(it), next));
            it = std::move(next);
        }
    }
    std::size_t piece_;
};

} // namespace tasuki::lb
