#include "tasuki/lb/mysql_check.hpp"
#include "tasuki/lb/mysql_sha2.hpp"

#include "mysql_dialogue.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace tasuki::lb {

namespace {

using namespace std::string_literals;

struct talk {
    explicit talk(check_settings const& wanted = {})
        : it(wanted) {}
    mysql_check it;
    std::string said;
    std::optional<check_result> verdict;

    talk& hear(std::uint8_t sequence, std::string const& payload, std::size_t piece = 1000) {
        auto const text = packet_of(sequence, payload);
        said.clear();
        for (std::size_t at = 0; at < text.size(); at += piece) {
            auto step = it.hear(bytes_of_text(text.substr(at, piece)));
            said += std::string{reinterpret_cast<char const*>(step.say.data()), step.say.size()};
            if (step.verdict) {
                verdict = std::move(step.verdict);
                break; // nobody listens any more
            }
        }
        return *this;
    }
};

std::string const challenge = "abcdefghijklmnopqrst";

/// Of a server whose challenge is that, with this plugin.
std::string greeting_with(std::string const& plugin) {
    return '\x0a' + std::string("8.0.36") + '\0' + little(7, 4) + challenge.substr(0, 8) + '\0' +
           little(0xffff, 2) + '\x2d' + little(autocommit, 2) + little(0xffff, 2) + '\x15' +
           std::string(10, '\0') + challenge.substr(8) + '\0' + plugin + '\0';
}

std::string column(std::string const& name) {
    return with_length("def") + with_length("") + with_length("") + with_length("") +
           with_length(name) + with_length(name) + std::string(13, '\0');
}

using fields = std::vector<std::pair<std::string, std::optional<std::string>>>;

/// An answer in rows; `rows` of them.
void answer(talk& on, fields const& of, unsigned rows = 1) {
    std::uint8_t sequence = 1;
    on.hear(sequence++, little(of.size(), 1));
    for (auto const& [name, value] : of)
        on.hear(sequence++, column(name));
    on.hear(sequence++, eof(autocommit));
    std::string row;
    for (auto const& [name, value] : of)
        row += value ? with_length(*value) : std::string{"\xfb"};
    for (unsigned each = 0; each < rows; ++each)
        on.hear(sequence++, row);
    on.hear(sequence, eof(autocommit));
}

check_settings asking(server_role role, std::string password = {}) {
    check_settings out;
    out.role = role;
    out.password = std::move(password);
    return out;
}

fields replica(char const* io, char const* sql, std::optional<std::string> lag) {
    return {{"Slave_IO_State", "waits"},
            {"Slave_IO_Running", io},
            {"Slave_SQL_Running", sql},
            {"Seconds_Behind_Master", std::move(lag)}};
}

/// Let in, and read_only told.
void log_in(talk& on, char const* read_only = "1") {
    on.hear(0, greeting()).hear(2, ok(autocommit));
    CHECK(on.said == packet_of(0, "\x03SELECT @@GLOBAL.read_only AS r"));
    answer(on, {{"r", read_only}});
}

struct key_pair {
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_RSA_gen(2048), &EVP_PKEY_free};

    [[nodiscard]] std::string pem() const {
        std::unique_ptr<BIO, decltype(&BIO_free)> const memory{BIO_new(BIO_s_mem()), &BIO_free};
        PEM_write_bio_PUBKEY(memory.get(), key.get());
        char* data = nullptr;
        auto const size = BIO_get_mem_data(memory.get(), &data);
        return {data, static_cast<std::size_t>(size)};
    }
    /// What the server makes of it.
    [[nodiscard]] std::string opened(std::string const& sealed) const {
        std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> const context{
            EVP_PKEY_CTX_new(key.get(), nullptr), &EVP_PKEY_CTX_free};
        REQUIRE(EVP_PKEY_decrypt_init(context.get()) == 1);
        REQUIRE(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1);
        std::string out(1000, ' ');
        auto size = out.size();
        REQUIRE(EVP_PKEY_decrypt(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                                 reinterpret_cast<unsigned char const*>(sealed.data()),
                                 sealed.size()) == 1);
        out.resize(size);
        for (std::size_t at = 0; at < out.size(); ++at)
            out[at] = static_cast<char>(out[at] ^ challenge[at % challenge.size()]);
        return out;
    }
};

} // namespace

TEST_CASE("a MySQL server is fit if it lets us in or denies us access, and is left in order",
          "[lb]") {
    auto const piece = GENERATE(std::size_t{1000}, std::size_t{1});
    talk on;
    on.hear(0, greeting(), piece);
    CHECK_FALSE(on.verdict);
    REQUIRE(on.said.size() > 40);
    CHECK(on.said[3] == '\1');
    CHECK(on.said.find("tasuki_check\0\0mysql_native_password"s) != std::string::npos);
    SECTION("let in") {
        on.hear(2, ok(autocommit), piece);
        CHECK(on.said == packet_of(0, "\x01")); // COM_QUIT
    }
    SECTION("denied") {
        on.hear(2, error(1045), piece);
    }
    SECTION("after another plugin") {
        on.hear(2,
                "\xfe"
                "caching_sha2_password\0salt"s,
                piece);
        CHECK_FALSE(on.verdict);
        CHECK(on.said == packet_of(3, ""));
        on.hear(4, error(1698), piece);
    }
    REQUIRE(on.verdict);
    CHECK(on.verdict->good);
}

TEST_CASE("a MySQL server that refuses is unfit, in its own words", "[lb]") {
    talk on;
    SECTION("at once") {
        on.hear(0, error(1040));
    }
    SECTION("after the greeting") {
        on.hear(0, greeting()).hear(2, error(1053));
    }
    REQUIRE(on.verdict);
    CHECK(on.verdict->why == "refuses: #HY000no");
    talk brief;
    brief.hear(0, "\xff"); // an error that ends before it has begun
    CHECK(brief.verdict->why == "refuses: ");
    talk early;
    early.hear(0, error(1045)); // denied before it has greeted: that is no login
    CHECK_FALSE(early.verdict->good);
}

TEST_CASE("what is no MySQL server is unfit, and costs bounded memory", "[lb]") {
    talk on;
    SECTION("another protocol") {
        on.hear(0, "220 mail.example ESMTP");
    }
    SECTION("without end") {
        on.hear(0, std::string(70'000, '\x0a'), 1000);
    }
    REQUIRE(on.verdict);
    CHECK(on.verdict->why == "greets as no MySQL server does");
}

TEST_CASE("a MySQL server says what it is, and is left in order", "[lb][check]") {
    talk on{asking(server_role::replica)};
    log_in(on);
    CHECK(on.said == packet_of(0, "\x03SHOW REPLICA STATUS"));
    SECTION("a replica") {
        answer(on, replica("Yes", "Yes", "2"));
        CHECK(on.verdict->seen == server_seen{true, true, milliseconds{2000}, {}});
    }
    SECTION("one that applies nothing, whose lag nobody knows") {
        answer(on, replica("Yes", "No", std::nullopt));
        CHECK(on.verdict->seen == server_seen{true, false, std::nullopt, {}});
    }
    SECTION("one that receives nothing") {
        answer(on, replica("Connecting", "Yes", std::nullopt));
        CHECK_FALSE(on.verdict->seen->applies);
    }
    SECTION("by the names of MySQL 8.0.22 and later") {
        answer(on, {{"Replica_IO_Running", "Yes"},
                    {"Replica_SQL_Running", "Yes"},
                    {"Seconds_Behind_Source", "0"}});
        CHECK(on.verdict->seen == server_seen{true, true, milliseconds{0}, {}});
    }
    SECTION("none") {
        answer(on, replica("Yes", "Yes", "2"), 0);
        CHECK(on.verdict->seen == server_seen{true, false, std::nullopt, {}});
    }
    SECTION("of several sources the first counts") {
        answer(on, replica("Yes", "Yes", "2"), 3);
        CHECK(on.verdict->seen->lag == milliseconds{2000});
    }
    SECTION("a lag beyond all") {
        answer(on, replica("Yes", "Yes", "99999999999999999999"));
        CHECK_FALSE(on.verdict->seen->lag.has_value());
    }
    SECTION("more than is read") {
        on.hear(1, little(1, 1)).hear(2, column("Executed_Gtid_Set")).hear(3, eof(autocommit));
        on.hear(4, std::string(20'000, 'x'));
        CHECK(on.verdict->seen->why == "what it says of itself is too long");
    }
    SECTION("it may not be asked") {
        on.hear(1, error(1227));
        CHECK(on.verdict->seen->why == "how it replicates: #HY000no");
    }
    REQUIRE(on.verdict);
    CHECK(on.verdict->good);
    CHECK(on.said == packet_of(0, "\x01"));
}

TEST_CASE("a MySQL server that takes writes says so", "[lb][check]") {
    talk on{asking(server_role::master)};
    log_in(on, "0"); // how it replicates is not asked: that needs a privilege
    CHECK_FALSE(on.verdict->seen->read_only);
    talk off{asking(server_role::master)};
    log_in(off, "OFF");
    CHECK_FALSE(off.verdict->seen->read_only);
    talk closed{asking(server_role::master)};
    log_in(closed, "1");
    CHECK(closed.verdict->seen->read_only);
    talk nonsense{asking(server_role::master)};
    nonsense.hear(0, greeting()).hear(2, ok(autocommit)).hear(1, ok(autocommit));
    CHECK(nonsense.verdict->seen->why == "read_only: no rows");
}

TEST_CASE("a check with a password has to be let in", "[lb][check]") {
    auto const wanted = asking(server_role::any, "secret");
    SECTION("by mysql_native_password") {
        talk on{wanted};
        on.hear(0, greeting_with("mysql_native_password"));
        auto const native = answer_to(bytes_of_text(challenge), secret_of("secret"));
        std::string const sent{reinterpret_cast<char const*>(native.data()), native.size()};
        CHECK(on.said.find(with_length(sent) + "mysql_native_password") != std::string::npos);
        on.hear(2, error(1045));
        CHECK_FALSE(on.verdict->good);
        CHECK(on.verdict->why == "refuses: #HY000no");
    }
    SECTION("by caching_sha2_password, at once") {
        talk on{wanted};
        on.hear(0, greeting_with("caching_sha2_password"));
        auto const sha2 = sha2_answer(bytes_of_text(challenge), "secret");
        std::string const sent{reinterpret_cast<char const*>(sha2.data()), sha2.size()};
        CHECK(on.said.find(with_length(sent) + "caching_sha2_password") != std::string::npos);
        on.hear(2, "\x01\x03"); // it knows the password
        CHECK_FALSE(on.verdict);
        CHECK(on.said.empty());
        on.hear(3, ok(autocommit));
        CHECK(on.verdict->good);
    }
    SECTION("by caching_sha2_password, with the password itself") {
        key_pair const server;
        talk on{wanted};
        on.hear(0, greeting_with("mysql_native_password"));
        on.hear(2, "\xfe" + std::string("caching_sha2_password") + '\0' + challenge + '\0');
        CHECK(on.said.size() == 4 + 32);
        on.hear(4, "\x01\x04");
        CHECK(on.said == packet_of(5, "\x02"));
        on.hear(6, "\x01" + server.pem());
        CHECK(server.opened(on.said.substr(4)) == std::string("secret") + '\0');
        on.hear(8, ok(autocommit));
        CHECK(on.verdict->good);
    }
    SECTION("by no other plugin") {
        talk on{wanted};
        on.hear(0, greeting_with("mysql_native_password"));
        on.hear(2, "\xfe" + std::string("mysql_clear_password") + '\0');
        CHECK_FALSE(on.verdict->good);
        CHECK(on.said.find("secret") == std::string::npos);
    }
}

TEST_CASE("a password is sealed only with a key that was asked for", "[lb][check]") {
    auto const wanted = asking(server_role::any, "secret");
    SECTION("what is no key gets no password") {
        talk on{wanted};
        on.hear(0, greeting_with("caching_sha2_password")).hear(2, "\x01\x04");
        on.hear(4, "\x01none");
        CHECK(on.verdict->why == "sends what is no public key");
        CHECK(on.said.empty());
    }
    SECTION("nor does a key that nobody has asked for") {
        key_pair const server;
        talk on{wanted};
        SECTION("of another plugin") {
            on.hear(0, greeting_with("mysql_native_password")).hear(2, "\x01\x04");
        }
        SECTION("of this one") {
            on.hear(0, greeting_with("caching_sha2_password")).hear(2, "\x01" + server.pem());
        }
        CHECK(on.verdict->why == "sends what is no public key");
        CHECK(on.said.empty());
    }
    SECTION("a key that wants a pass phrase asks nobody for one") {
        talk on{wanted};
        on.hear(0, greeting_with("caching_sha2_password")).hear(2, "\x01\x04");
        on.hear(4, "\x01-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\n"
                   "DEK-Info: AES-128-CBC,0123456789ABCDEF0123456789ABCDEF\n\n"
                   "MCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n");
        CHECK(on.verdict->why == "sends what is no public key");
    }
}

TEST_CASE("a server that denies access shows nothing, and takes clients", "[lb][check]") {
    talk on{asking(server_role::replica)};
    on.hear(0, greeting()).hear(2, error(1045));
    CHECK(on.verdict->good);
    CHECK(on.verdict->seen->why == "it lets no tasuki_check see what it is");
}

TEST_CASE("the answer of caching_sha2_password is that of its description", "[lb][check]") {
    auto const answer = sha2_answer(bytes_of_text(challenge), "secret");
    std::string hexadecimal;
    for (auto const each : answer)
        hexadecimal += fmt::format("{:02x}", std::to_integer<unsigned>(each));
    CHECK(hexadecimal == "c76e2898612a4cf042c77fa8c4702c4c64c0c2c557c53c4d75595aaa6abae809");
    CHECK(sha2_answer(bytes_of_text(challenge), "").empty());
}

} // namespace tasuki::lb
