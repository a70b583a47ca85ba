// SHA-256 (FIPS 180-4), by libcrypto: names contents, so that two of one name are the same bytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace xlate {

/// Order matters; pieces may be cut anywhere. Owns its state; not to be copied.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    Sha256& add(std::string_view bytes);
    /// A text with its end: "ab" and "c" are not "a" and "bc".
    Sha256& add_field(std::string_view text);
    /// 64 lower-case hexadecimal digits. Once: nothing is added afterwards.
    std::string text();

private:
    struct State;
    std::unique_ptr<State> state_;
};

std::string sha256_text(std::string_view bytes);

}  // namespace xlate
