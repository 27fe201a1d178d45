#include "tasuki/lb/mysql_sha2.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>

namespace tasuki::lb {

namespace {

using digest = std::array<std::byte, 32>;

unsigned char const* octets(byte_view bytes) {
    return reinterpret_cast<unsigned char const*>(bytes.data());
}

digest sha256(std::initializer_list<byte_view> parts) {
    digest out{};
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> const context{EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free};
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
    for (auto const part : parts)
        EVP_DigestUpdate(context.get(), part.data(), part.size());
    EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr);
    return out;
}

/// A public key needs none; who sends one that does gets nothing, rather than a question to whoever
/// sits before our terminal.
int no_pass_phrase(char*, int, int, void*) {
    return 0;
}

byte_string sealed(EVP_PKEY* key, byte_view plain) {
    std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> const context{
        EVP_PKEY_CTX_new(key, nullptr), &EVP_PKEY_CTX_free};
    std::size_t size = 0;
    if (!context || EVP_PKEY_encrypt_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_encrypt(context.get(), nullptr, &size, octets(plain), plain.size()) != 1)
        return {};
    byte_string out(size);
    if (EVP_PKEY_encrypt(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                         octets(plain), plain.size()) != 1)
        return {};
    out.resize(size);
    return out;
}

} // namespace

byte_string sha2_answer(byte_view challenge, std::string_view password) {
    if (password.empty())
        return {};
    auto const once = sha256({std::as_bytes(std::span{password})});
    auto const mask = sha256({sha256({once}), challenge});
    byte_string out(once.size());
    std::transform(once.begin(), once.end(), mask.begin(), out.begin(), std::bit_xor{});
    return out;
}

byte_string sealed_password(std::string_view key_pem, byte_view challenge,
                            std::string_view password) {
    std::unique_ptr<BIO, decltype(&BIO_free)> const memory{
        BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())), &BIO_free};
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> const key{
        PEM_read_bio_PUBKEY(memory.get(), nullptr, no_pass_phrase, nullptr), &EVP_PKEY_free};
    if (!key || challenge.empty())
        return {};
    auto const bytes = std::as_bytes(std::span{password});
    byte_string plain{bytes.begin(), bytes.end()};
    plain.push_back(std::byte{0});
    for (std::size_t index = 0; index < plain.size(); ++index)
        plain[index] ^= challenge[index % challenge.size()];
    return sealed(key.get(), plain);
}

} // namespace tasuki::lb
