#include "base/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <limits>

namespace xlate {
namespace {

constexpr std::size_t kPiece = 3 * 4096;  // of the binary side

}  // namespace

std::string to_base64(const std::vector<std::uint8_t>& bytes) {
    std::string text;
    std::vector<unsigned char> piece(kPiece / 3 * 4 + 1);
    for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
        const std::size_t size = std::min(kPiece, bytes.size() - at);
        const int n = EVP_EncodeBlock(piece.data(), bytes.data() + at, static_cast<int>(size));
        text.append(reinterpret_cast<const char*>(piece.data()), static_cast<std::size_t>(n));
    }
    return text;
}

std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text) {
    if (text.size() % 4 != 0 || text.size() > std::numeric_limits<int>::max()) return std::nullopt;
    std::vector<std::uint8_t> bytes(text.size() / 4 * 3);
    if (text.empty()) return bytes;
    const int n = EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                  static_cast<int>(text.size()));
    if (n < 0) return std::nullopt;
    const std::size_t padding = text[text.size() - 2] == '=' ? 2 : text.back() == '=' ? 1 : 0;
    bytes.resize(static_cast<std::size_t>(n) - padding);
    return bytes;
}

}  // namespace xlate
