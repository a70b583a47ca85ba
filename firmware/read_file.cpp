#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "base/huge_pages.hpp"
#include "firmware/acpi/table.hpp"
#include "firmware/description.hpp"
#include "firmware/flat_tree.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = std::size_t{64} << 10;

/// A file that is read piece by piece.
class Input {
public:
    explicit Input(const std::string& path) : path_(path), piece_(kPiece) {
        std::error_code none;
        if (fs::is_directory(path, none)) fail("is a directory, not a file");
        stream_.open(path, std::ios::binary);
        if (!stream_) fail(fmt::format("can't be opened: {}", std::strerror(errno)));
        const std::uintmax_t size = fs::file_size(path, none);
        if (!none && size != 0) size_ = size;  // files of /proc say 0, whatever is in them
    }

    /// That it says; pipes and devices say none.
    std::optional<std::uint64_t> size() const { return size_; }
    const std::vector<std::uint8_t>& bytes() const { return bytes_; }
    std::vector<std::uint8_t> take() { return std::move(bytes_); }

    /// Reads on until `bytes` are there, or its end is, whatever its size says: a piece more than that at most.
    void read_until(std::uint64_t bytes) {
        while (bytes_.size() < bytes && (stream_.read(piece_.data(), kPiece) || stream_.gcount() > 0))
            bytes_.insert(bytes_.end(), piece_.begin(), piece_.begin() + stream_.gcount());
        if (stream_.bad()) fail("can't be read");
    }
    /// There will be so many. Those that do not come cost nothing.
    void expect(std::uint64_t bytes) {
        bytes_.reserve(bytes + kPiece);
        prefer_huge_pages(bytes_.data(), bytes_.capacity());
    }

    [[noreturn]] void fail(std::string what, ExitStatus status = ExitStatus::usage) const {
        throw InputError(Diagnostic{{path_, {}, {}, {}}, {}, std::move(what), {}, {}}, status);
    }

private:
    const std::string& path_;
    std::ifstream stream_;
    std::vector<char> piece_;
    std::vector<std::uint8_t> bytes_;
    std::optional<std::uint64_t> size_;
};

constexpr const char* kTooLarge = "is larger than 64 MiB";

}  // namespace

std::vector<std::uint8_t> read_file(const std::string& path) {
    Input input(path);
    if (input.size().value_or(0) > kMaxFileBytes) input.fail(kTooLarge, ExitStatus::limit);
    if (input.size()) input.expect(*input.size());
    input.read_until(kMaxFileBytes + 1);
    if (input.bytes().size() > kMaxFileBytes) input.fail(kTooLarge, ExitStatus::limit);
    return input.take();
}

std::vector<std::uint8_t> read_firmware_file(const std::string& path) {
    constexpr std::uint64_t kMostBehind = std::uint64_t{1} << 20;  // a pipe's end may never come
    Input input(path);
    input.read_until(kPiece);
    if (input.bytes().size() < kPiece) return input.take();
    if (looks_like_tree(input.bytes())) {
        const std::uint64_t said = load_be(input.bytes().data() + 4, 4);
        if (!input.size() && said > kMaxFileBytes) input.fail(kTooLarge, ExitStatus::limit);
        read_tree_header(input.bytes(), input.size().value_or(kMaxFileBytes), path);
        const std::uint64_t most = input.size() ? kMaxFileBytes : said + kMostBehind;
        input.expect(input.size().value_or(said));
        input.read_until(most + 1);
        if (input.bytes().size() > most)
            input.fail(input.size() ? kTooLarge : "more than 1 MiB follows the tree", ExitStatus::limit);
    } else if (acpi::looks_like_table(input.bytes())) {
        if (input.size()) acpi::read_table_length(input.bytes(), *input.size(), path);
        input.expect(input.size().value_or(kMaxTableBytes));
        input.read_until(kMaxTableBytes + 1);
    }
    return input.take();
}

}  // namespace xlate::firmware
