#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/huge_pages.hpp"
#include "firmware/decode.hpp"
#include "firmware/description.hpp"
#include "firmware/flat_tree.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware {

Description read_device_tree(std::vector<std::uint8_t> blob, const std::string& name) {
    Description description;
    description.origin = Description::Origin::device_tree;
    constexpr std::size_t kHeapOfByte = 6;  // paths, lists and texts, for each byte of a tree with many small nodes
    expect_heap(blob.size() * kHeapOfByte);
    read_flat_tree(std::move(blob), name, description);
    Decoder decoder(description);
    decode_identity(decoder);
    decode_addresses(decoder);
    decode_interrupts(decoder);
    decode_dma(decoder);
    decode_iommus(decoder);
    decode_reservations(decoder);
    note_oddities(decoder);
    return description;
}

std::vector<std::uint8_t> read_file(const std::string& path) {
    const auto fail = [&path](std::string what) {
        Diagnostic finding;
        finding.where.file = path;
        finding.what = std::move(what);
        throw InputError(std::move(finding));
    };
    if (std::filesystem::is_directory(path)) fail("is a directory, not a file");
    std::ifstream stream(path, std::ios::binary);
    if (!stream) fail(fmt::format("can't be opened: {}", std::strerror(errno)));
    // Read until the end, whatever the size says: pipes and devices have none.
    std::vector<std::uint8_t> bytes;
    std::error_code none;
    if (const std::uintmax_t size = std::filesystem::file_size(path, none); !none && size <= kMaxFileBytes) {
        bytes.reserve(static_cast<std::size_t>(size));
        prefer_huge_pages(bytes.data(), bytes.capacity());
    }
    std::vector<char> piece(std::size_t{64} * 1024);
    while (stream.read(piece.data(), static_cast<std::streamsize>(piece.size())) || stream.gcount() > 0) {
        bytes.insert(bytes.end(), piece.begin(), piece.begin() + stream.gcount());
        if (bytes.size() > kMaxFileBytes) fail("is larger than 64 MiB");
    }
    if (stream.bad()) fail("can't be read");
    return bytes;
}

}  // namespace xlate::firmware
