#include "firmware/acpi/aml_writer.hpp"

#include <algorithm>
#include <cctype>

#include "base/bits.hpp"
#include "base/error.hpp"

namespace xlate::firmware::acpi::aml {
namespace {

constexpr std::uint8_t kNameOp = 0x08, kByte = 0x0A, kWord = 0x0B, kDword = 0x0C, kString = 0x0D, kQword = 0x0E;
constexpr std::uint8_t kScope = 0x10, kBuffer = 0x11, kDual = 0x2E, kMulti = 0x2F, kExtended = 0x5B, kDevice = 0x82;
constexpr std::uint8_t kMethod = 0x14, kArg0 = 0x68, kReturn = 0xA4;
constexpr std::size_t kSegment = 4;

void put(Bytes& out, unsigned bytes, std::uint64_t value) {
    out.resize(out.size() + bytes);
    store_le(out.data() + out.size() - bytes, bytes, value);
}

/// PkgLength counts itself: one byte up to 63, else a byte with the low four bits and up to three more.
Bytes package(const Bytes& body) {
    Bytes out;
    for (unsigned more = 0; more <= 3; ++more) {
        const std::size_t length = body.size() + 1 + more;
        if (more == 0 ? length > 0x3F : length >> (4 + 8 * more) != 0) continue;
        if (more == 0) {
            put(out, 1, length);
        } else {
            put(out, 1, more << 6 | (length & 0xF));
            put(out, more, length >> 4);
        }
        break;
    }
    XLATE_CHECK(!out.empty(), "an AML package beyond 256 MiB");
    out.insert(out.end(), body.begin(), body.end());
    return out;
}

Bytes segment(std::string_view name) {
    XLATE_CHECK(name.size() == kSegment, std::string(name));
    return {name.begin(), name.end()};
}

Bytes path_of(std::string_view path) {
    Bytes names;
    unsigned count = 0;
    for (std::size_t at = 0; at < path.size(); at += kSegment + 1, ++count) {
        const Bytes one = segment(path.substr(at, kSegment));
        names.insert(names.end(), one.begin(), one.end());
    }
    Bytes out{'\\'};
    if (count == 2) out.push_back(kDual);
    if (count > 2) {
        out.push_back(kMulti);
        put(out, 1, count);
    }
    out.insert(out.end(), names.begin(), names.end());
    return out;
}

}  // namespace

Bytes join(const std::vector<Bytes>& parts) {
    Bytes out;
    for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
    return out;
}

Bytes scope(std::string_view path, const Bytes& body) { return join({{kScope}, package(join({path_of(path), body}))}); }
Bytes device(std::string_view name, const Bytes& body) {
    return join({{kExtended, kDevice}, package(join({segment(name), body}))});
}
Bytes returns_last_argument(std::string_view name, unsigned arguments) {
    XLATE_CHECK(arguments >= 1 && arguments <= 7, std::string(name));
    const auto last = static_cast<std::uint8_t>(kArg0 + arguments - 1);
    return join({{kMethod}, package(join({segment(name), {static_cast<std::uint8_t>(arguments), kReturn, last}}))});
}
Bytes name(std::string_view name, const Bytes& value) { return join({{kNameOp}, segment(name), value}); }

Bytes integer(std::uint64_t value) {
    if (value <= 1) return {static_cast<std::uint8_t>(value)};  // ZeroOp, OneOp
    const unsigned bytes = value >> 8 == 0 ? 1 : value >> 16 == 0 ? 2 : value >> 32 == 0 ? 4 : 8;
    Bytes out{bytes == 1 ? kByte : bytes == 2 ? kWord : bytes == 4 ? kDword : kQword};
    put(out, bytes, value);
    return out;
}

Bytes string(std::string_view text) {
    Bytes out(text.size() + 2);  // the last one is the zero at its end
    out.front() = kString;
    std::copy(text.begin(), text.end(), out.begin() + 1);
    return out;
}

Bytes eisa_id(std::string_view id) {
    constexpr std::size_t kLetters = 3, kDigits = 4;
    XLATE_CHECK(id.size() == kLetters + kDigits, std::string(id));
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < kLetters; ++i)
        word |= static_cast<std::uint32_t>(id[i] - '@') << (26 - 5 * static_cast<unsigned>(i));
    for (std::size_t i = kLetters; i < id.size(); ++i) {
        const char digit = id[i];
        const int value = std::isdigit(static_cast<unsigned char>(digit)) != 0 ? digit - '0' : digit - 'A' + 10;
        word |= static_cast<std::uint32_t>(value) << (4 * (id.size() - 1 - i));
    }
    Bytes out{kDword};
    for (unsigned shift = 24;; shift -= 8) {  // most significant byte first
        put(out, 1, word >> shift & 0xFF);
        if (shift == 0) break;
    }
    return out;
}

Bytes buffer(const Bytes& bytes) { return join({{kBuffer}, package(join({integer(bytes.size()), bytes}))}); }

Resources& Resources::fixed_memory(std::uint32_t base, std::uint32_t bytes) {
    constexpr unsigned kLength = 9;
    put(bytes_, 1, 0x86);
    put(bytes_, 2, kLength);
    put(bytes_, 1, 1);  // writeable
    put(bytes_, 4, base);
    put(bytes_, 4, bytes);
    return *this;
}

/// Both ends are fixed (bits 2 and 3 of the flags).
Resources& Resources::address_space(unsigned bytes, unsigned type, unsigned flags, unsigned type_flags,
                                    std::uint64_t first, std::uint64_t count) {
    put(bytes_, 1, bytes == 2 ? 0x88 : bytes == 4 ? 0x87 : 0x8A);
    put(bytes_, 2, 3 + 5 * bytes);
    put(bytes_, 1, type);
    put(bytes_, 1, flags);
    put(bytes_, 1, type_flags);
    for (const std::uint64_t word : {std::uint64_t{0}, first, first + count - 1, std::uint64_t{0}, count})
        put(bytes_, bytes, word);
    return *this;
}

Resources& Resources::memory(std::uint64_t base, std::uint64_t bytes) {
    constexpr unsigned kConsumer = 0x0D, kReadWrite = 1;
    return address_space(8, 0, kConsumer, kReadWrite, base, bytes);
}
Resources& Resources::window(std::uint64_t base, std::uint64_t bytes) {
    constexpr unsigned kProducer = 0x0C, kReadWrite = 1;
    const bool low = (base + bytes - 1) >> 32 == 0;
    return address_space(low ? 4 : 8, 0, kProducer, kReadWrite, base, bytes);
}
Resources& Resources::buses(std::uint16_t first, std::uint16_t count) {
    constexpr unsigned kBuses = 2, kProducer = 0x0C;
    return address_space(2, kBuses, kProducer, 0, first, count);
}

Resources& Resources::interrupt(std::uint32_t gsi) {
    constexpr unsigned kConsumerEdge = 0x03;
    put(bytes_, 1, 0x89);
    put(bytes_, 2, 6);
    put(bytes_, 1, kConsumerEdge);
    put(bytes_, 1, 1);
    put(bytes_, 4, gsi);
    return *this;
}

Bytes Resources::finish() const {
    Bytes all = bytes_;
    all.push_back(0x79);  // end tag; a checksum of zero: none
    all.push_back(0);
    return buffer(all);
}

}  // namespace xlate::firmware::acpi::aml
