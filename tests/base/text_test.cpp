#include "base/text.hpp"

#include <catch2/catch.hpp>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/hex.hpp"
#include "base/sha256.hpp"

using namespace xlate;

// FIPS 180-4's examples.
TEST_CASE("sha256: the standard's examples, whole and in pieces", "[base]") {
    CHECK(sha256_text("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256_text("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(Sha256().add("a").add("").add("bc").text() == sha256_text("abc"));
    CHECK(Sha256().add_field("ab").add_field("c").text() != Sha256().add_field("a").add_field("bc").text());
}

// RFC 4648, section 10.
TEST_CASE("base64: the RFC's examples, there and back, what is none is nothing", "[base]") {
    const auto bytes = [](const std::string& text) { return std::vector<std::uint8_t>(text.begin(), text.end()); };
    const std::pair<const char*, const char*> examples[] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, coded] : examples) {
        CHECK(to_base64(bytes(plain)) == coded);
        CHECK(from_base64(coded) == bytes(plain));
    }
    std::vector<std::uint8_t> many(100'001);
    for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<std::uint8_t>(i * 7);
    CHECK(from_base64(to_base64(many)) == many);
    CHECK_FALSE(from_base64("Zg="));
    CHECK_FALSE(from_base64("Z%=="));
}

TEST_CASE("hex: digits alone, up to a limit", "[base]") {
    CHECK(parse_hex("1F", 31) == 31U);
    CHECK(parse_hex("ffffffffffffffff", UINT64_MAX) == UINT64_MAX);
    CHECK(parse_hex("00000000000000001f", 31) == 31U);
    for (const char* const wrong : {"", "20", "0x1f", "1g", "-1", "+1", " 1", "1 ", "1ffffffffffffffff"})
        CHECK_FALSE(parse_hex(wrong, 31));
}

TEST_CASE("utf-8: the first byte that is none, by RFC 3629", "[base]") {
    CHECK_FALSE(first_bad_utf8("plain \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80"));
    const std::pair<const char*, std::size_t> wrong[] = {{"a\xFF", 1},
                                                         {"\x80", 0},
                                                         {"ab\xC3", 2},
                                                         {"\xC0\xAF", 0},  // overlong
                                                         {"\xE0\x80\xAF", 0},
                                                         {"\xED\xA0\x80", 0},      // a surrogate
                                                         {"\xF4\x90\x80\x80", 0},  // above U+10FFFF
                                                         {"x\xE2\x82", 1},
                                                         {"\xF8\x88\x80\x80\x80", 0}};
    for (const auto& [text, at] : wrong) {
        INFO(at);
        CHECK(first_bad_utf8(text) == at);
    }
}

TEST_CASE("printable: nothing that moves a cursor, hides, or turns the reading is left", "[base]") {
    CHECK(printable("a\x1b[31m\n\t\x7f") == "a\\x1b[31m\\x0a\\x09\\x7f");
    CHECK(printable("\xC2\x9B"
                    "31m") == "\\u009b31m");  // CSI as one character
    CHECK(printable("\xE2\x80\xAE"
                    "evil") == "\\u202eevil");                         // right to left
    CHECK(printable("\xE2\x80\x8B\xEF\xBB\xBF") == "\\u200b\\ufeff");  // without a width
    CHECK(printable("\xFF \xC3") == "\\xff \\xc3");
    CHECK(printable("\xC3\xA4 \xE2\x82\xAC") == "\xC3\xA4 \xE2\x82\xAC");
}

TEST_CASE("a text as a file's name is one name, wherever it points", "[base]") {
    CHECK(file_name_of("plain-1.yaml") == "plain-1.yaml");
    CHECK(file_name_of("../../escape") == "_._.._escape");
    CHECK(file_name_of("/etc/passwd") == "_etc_passwd");
    CHECK(file_name_of("..") == "_.");
    CHECK(file_name_of("") == "_");
    CHECK(file_name_of("a\nb\x1b") == "a_b_");
    CHECK(file_name_of(std::string(300, 'x')).size() == 100);
    CHECK(file_name_of(std::string(99, 'x') + "\xE2\x82\xAC").size() == 99);
}
