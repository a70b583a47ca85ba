#include "base/sha256.hpp"

#include <openssl/evp.h>

#include <array>

#include <fmt/format.h>

#include "base/error.hpp"

namespace xlate {

struct Sha256::State {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    State() = default;
    ~State() { EVP_MD_CTX_free(context); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
    XLATE_CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1,
                std::string("libcrypto has no SHA-256"));
}

Sha256::~Sha256() = default;

Sha256& Sha256::add(std::string_view bytes) {
    XLATE_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1, std::string("libcrypto"));
    return *this;
}

Sha256& Sha256::add_field(std::string_view text) { return add(std::to_string(text.size())).add(":").add(text); }

std::string Sha256::text() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    XLATE_CHECK(EVP_DigestFinal_ex(state_->context, bytes.data(), &size) == 1, std::string("libcrypto"));
    std::string text;
    for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", bytes[i]);
    return text;
}

std::string sha256_text(std::string_view bytes) { return Sha256().add(bytes).text(); }

}  // namespace xlate
