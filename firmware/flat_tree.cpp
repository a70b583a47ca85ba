#include "firmware/flat_tree.hpp"

#include <libfdt.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "base/huge_pages.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware {
namespace {

constexpr std::uint32_t kMagic = 0xd00dfeed;
constexpr std::uint64_t kHeaderBytes = 40;
constexpr std::uint32_t kFirstVersion = 16;
constexpr std::uint32_t kLastVersion = 17;

enum Token : std::uint32_t { begin_node = 1, end_node = 2, prop = 3, nop = 4, end = 9 };

[[noreturn]] void refuse(const std::string& name, std::uint64_t offset, std::string what, std::string expected = {},
                         ExitStatus status = ExitStatus::bad_firmware) {
    Diagnostic finding;
    finding.where.file = name;
    finding.where.offset = offset;
    finding.what = std::move(what);
    finding.expected = std::move(expected);
    throw InputError(std::move(finding), status);
}

/// The words of a header, and what they must say.
class HeaderReader {
public:
    HeaderReader(ByteView head, const std::string& name) : head_(head), name_(name) {}

    TreeHeader read(std::uint64_t file_bytes) {
        if (file_bytes > kMaxFileBytes)
            refuse(name_, kMaxFileBytes, "the blob is larger than 64 MiB", {}, ExitStatus::limit);
        if (head_.size() < kHeaderBytes) {
            refuse(name_, head_.size(), fmt::format("the file ends after {} bytes, inside the header", head_.size()),
                   "at least 40 bytes");
        }
        if (word(0) != kMagic)
            refuse(name_, 0, fmt::format("magic is {:#010x}: not a device tree blob", word(0)), "0xd00dfeed");
        TreeHeader header;
        header.total = word(4);
        if (header.total > file_bytes) {
            refuse(name_, 4, fmt::format("totalsize is {} bytes, but the file has only {}", header.total, file_bytes));
        }
        if (header.total < kHeaderBytes)
            refuse(name_, 4, fmt::format("totalsize is {} bytes, less than the header", header.total));
        const std::uint32_t version = word(20);
        if (version < kFirstVersion) refuse(name_, 20, fmt::format("version is {}", version), "16 or later");
        if (word(24) > kLastVersion)
            refuse(name_, 24, fmt::format("last compatible version is {}", word(24)), "17 or earlier");
        total_ = header.total;
        header.reservations = block(16, "memory reservation block", 8);
        header.structure = block(8, "structure block", 4);
        header.strings = block(12, "strings block", 1);
        header.structure_end = version >= 17 ? block_end(header.structure, 36, "structure block") : total_;
        header.strings_end = block_end(header.strings, 32, "strings block");
        header.boot_cpuid = word(28);
        return header;
    }

private:
    std::uint32_t word(std::uint64_t offset) const {
        return static_cast<std::uint32_t>(load_be(head_.data() + offset, 4));
    }

    std::uint64_t block(std::uint64_t field, std::string_view what, std::uint64_t alignment) const {
        const std::uint64_t offset = word(field);
        if (offset < kHeaderBytes || offset > total_) {
            refuse(name_, field, fmt::format("offset of the {} is {:#x}, outside the blob", what, offset),
                   fmt::format("0x28 to {:#x}", total_));
        }
        if (offset % alignment != 0) {
            refuse(name_, field, fmt::format("offset of the {} is {:#x}", what, offset),
                   fmt::format("a multiple of {}", alignment));
        }
        return offset;
    }

    std::uint64_t block_end(std::uint64_t start, std::uint64_t field, std::string_view what) const {
        const std::uint64_t size = word(field);
        if (size > total_ - start) {
            refuse(name_, field,
                   fmt::format("the {} takes {} bytes from {:#x}, past the end of the blob", what, size, start),
                   fmt::format("at most {}", total_ - start));
        }
        return start + size;
    }

    ByteView head_;
    const std::string& name_;
    std::uint64_t total_ = 0;
};

class FlatTreeReader {
public:
    FlatTreeReader(Raw& raw, const std::string& name, Description& out)
        : blob_(raw.blob), properties_(raw.properties), name_(name), out_(out) {}

    void read() {
        out_.source = name_;
        read_header();
        read_reservations();
        read_structure();
        share_properties();
        check_with_libfdt();
        if (blob_.size() > total_) {
            out_.oddities.push_back({"/", fmt::format("{} bytes follow the tree (from offset {:#x}); they are ignored",
                                                      blob_.size() - total_, total_)});
        }
    }

private:
    [[noreturn]] void fail(std::uint64_t offset, std::string what, std::string expected = {},
                           ExitStatus status = ExitStatus::bad_firmware) const {
        refuse(name_, offset, std::move(what), std::move(expected), status);
    }

    std::uint32_t word(std::uint64_t offset) const {
        return static_cast<std::uint32_t>(load_be(blob_.data() + offset, 4));
    }

    void read_header() {
        const TreeHeader header = read_tree_header(blob_, blob_.size(), name_);
        total_ = header.total;
        reservations_ = header.reservations;
        structure_ = header.structure;
        structure_end_ = header.structure_end;
        strings_ = header.strings;
        strings_end_ = header.strings_end;
        out_.boot_cpuid = header.boot_cpuid;
    }

    void read_reservations() {
        for (std::uint64_t at = reservations_;; at += 16) {
            if (total_ - at < 16) fail(at, "the memory reservation block has no end (an entry of two zeros)");
            const MemoryRange range{load_be(blob_.data() + at, 8), load_be(blob_.data() + at + 8, 8)};
            if (range.base == 0 && range.size == 0) return;
            out_.reservations.push_back(range);
        }
    }

    std::uint32_t next_word(std::string_view what) {
        if (structure_end_ - at_ < 4) fail(at_, fmt::format("the structure block ends where {} should be", what));
        const std::uint32_t value = word(at_);
        at_ += 4;
        return value;
    }

    void read_structure() {
        std::vector<NodeIndex> open;
        std::vector<bool> has_children;
        at_ = structure_;
        // Real nodes take some 100 bytes; growing the list would touch every node's memory several times.
        out_.nodes.reserve(std::min<std::size_t>(kMaxNodes, (structure_end_ - structure_) / 64 + 1));
        prefer_huge_pages(out_.nodes.data(), out_.nodes.capacity() * sizeof(Node));
        properties_.reserve(std::min<std::size_t>(kMaxProperties, (structure_end_ - structure_) / 24 + 1));
        prefer_huge_pages(properties_.data(), properties_.capacity() * sizeof(Property));
        counts_.reserve(out_.nodes.capacity());
        for (;;) {
            const std::uint64_t token_at = at_;
            const std::uint32_t token = next_word("a token");
            switch (token) {
                case Token::nop:
                    break;
                case Token::begin_node:
                    if (open.empty() && !out_.nodes.empty()) fail(token_at, "a second root node");
                    if (open.size() >= kMaxDepth) {
                        fail(token_at, fmt::format("nodes are nested more than {} deep", kMaxDepth), {},
                             ExitStatus::limit);
                    }
                    if (!open.empty()) has_children.back() = true;
                    open.push_back(begin(open, token_at));
                    has_children.push_back(false);
                    break;
                case Token::prop:
                    if (open.empty()) fail(token_at, "a property outside any node");
                    if (has_children.back()) {
                        fail(token_at,
                             fmt::format("a property of {} stands behind its child nodes", out_.node(open.back()).path),
                             "properties first");
                    }
                    read_property(open.back(), token_at);
                    break;
                case Token::end_node:
                    if (open.empty()) fail(token_at, "a node ends here, but none is open");
                    open.pop_back();
                    has_children.pop_back();
                    break;
                case Token::end:
                    if (!open.empty()) {
                        fail(token_at,
                             fmt::format("the tree ends, but node {} is still open", out_.node(open.back()).path));
                    }
                    if (out_.nodes.empty()) fail(token_at, "the tree has no root node");
                    return;
                default:
                    fail(token_at, fmt::format("{:#x} is not a token of the structure block", token),
                         "1, 2, 3, 4 or 9");
            }
        }
    }

    NodeIndex begin(const std::vector<NodeIndex>& open, std::uint64_t token_at) {
        if (out_.nodes.size() >= kMaxNodes) {
            fail(token_at, fmt::format("more than {} nodes", kMaxNodes), {}, ExitStatus::limit);
        }
        const std::string_view text = text_at(at_, structure_end_, "node name");
        at_ = align_up(at_ + text.size() + 1, 4);
        if (at_ > structure_end_) fail(token_at, "the structure block ends inside a node name");
        Node node;
        node.name = text;
        if (open.empty()) {
            node.path = "/";
        } else {
            Node& parent = out_.nodes[index(open.back())];
            node.parent = open.back();
            node.path = (open.size() == 1 ? "" : parent.path) + "/" + node.name;
            parent.children.push_back(NodeIndex{static_cast<std::uint32_t>(out_.nodes.size())});
        }
        path_bytes_ += node.path.size();
        if (path_bytes_ > kMaxPathBytes) fail(token_at, "the node names are too long", {}, ExitStatus::limit);
        out_.nodes.push_back(std::move(node));
        return NodeIndex{static_cast<std::uint32_t>(out_.nodes.size() - 1)};
    }

    void read_property(NodeIndex node, std::uint64_t token_at) {
        if (properties_.size() >= kMaxProperties) {
            fail(token_at, fmt::format("more than {} properties", kMaxProperties), {}, ExitStatus::limit);
        }
        const std::string& path = out_.node(node).path;
        const std::uint64_t length = next_word("the length of a property");
        const std::uint64_t name_offset = next_word("the name of a property");
        if (name_offset >= strings_end_ - strings_) {
            fail(token_at + 8,
                 fmt::format("name offset {:#x} of a property of {} is outside the strings block", name_offset, path),
                 fmt::format("less than {:#x}", strings_end_ - strings_));
        }
        if (length > structure_end_ - at_) {
            fail(token_at + 4,
                 fmt::format("a property of {} is {} bytes long, past the end of the structure block", path, length),
                 fmt::format("at most {}", structure_end_ - at_));
        }
        Property property;
        property.name = text_at(strings_ + name_offset, strings_end_, "property name");
        property.offset = at_;
        property.bytes = ByteView(blob_.data() + at_, length);
        at_ = align_up(at_ + length, 4);
        if (at_ > structure_end_) fail(token_at, "the structure block ends inside a property");
        if (counts_.size() <= index(node)) counts_.resize(index(node) + 1, 0);
        ++counts_[index(node)];
        properties_.push_back(property);
    }

    /// Properties come before child nodes, so those of a node stand together, in the order of the nodes.
    void share_properties() {
        const Property* next = properties_.data();
        for (std::size_t n = 0; n < counts_.size(); ++n) {
            out_.nodes[n].properties = Span<Property>(next, counts_[n]);
            next += counts_[n];
        }
    }

    std::string_view text_at(std::uint64_t from, std::uint64_t limit, std::string_view what) const {
        const auto* start = reinterpret_cast<const char*>(blob_.data() + from);
        const std::uint64_t room = limit - from;
        const void* stop = room == 0 ? nullptr : std::memchr(start, 0, room);
        if (stop == nullptr) fail(from, fmt::format("a {} is not terminated", what));
        const std::string_view text(start, static_cast<std::size_t>(static_cast<const char*>(stop) - start));
        if (text.size() > kMaxNameBytes) {
            fail(from, fmt::format("a {} is {} bytes long", what, text.size()),
                 fmt::format("at most {}", kMaxNameBytes), ExitStatus::limit);
        }
        return text;
    }

    /// libfdt reads words in place, so it must get an aligned blob; a vector's memory usually is.
    void check_with_libfdt() const {
        const std::uint8_t* aligned = blob_.data();
        std::unique_ptr<std::uint8_t[]> copy;
        if (reinterpret_cast<std::uintptr_t>(aligned) % 8 != 0) {
            copy = std::make_unique<std::uint8_t[]>(total_);  // operator new[] aligns to 16
            std::memcpy(copy.get(), blob_.data(), total_);
            aligned = copy.get();
        }
        const int status = fdt_check_full(aligned, total_);
        if (status != 0) fail(structure_, fmt::format("not a valid device tree: {}", fdt_strerror(status)));
    }

    const std::vector<std::uint8_t>& blob_;
    std::vector<Property>& properties_;
    const std::string& name_;
    Description& out_;
    std::uint64_t total_ = 0;
    std::uint64_t reservations_ = 0;
    std::uint64_t structure_ = 0;
    std::uint64_t structure_end_ = 0;
    std::uint64_t strings_ = 0;
    std::uint64_t strings_end_ = 0;
    std::uint64_t at_ = 0;
    std::uint64_t path_bytes_ = 0;
    std::vector<std::uint32_t> counts_;  ///< of properties, each node's
};

}  // namespace

bool looks_like_tree(ByteView head) { return head.size() >= 4 && load_be(head.data(), 4) == kMagic; }

TreeHeader read_tree_header(ByteView head, std::uint64_t file_bytes, const std::string& name) {
    return HeaderReader(head, name).read(file_bytes);
}

void read_flat_tree(std::vector<std::uint8_t> blob, const std::string& name, Description& out) {
    auto raw = std::make_shared<Raw>();
    raw->blob = std::move(blob);
    FlatTreeReader(*raw, name, out).read();
    out.raw = std::move(raw);
}

}  // namespace xlate::firmware
