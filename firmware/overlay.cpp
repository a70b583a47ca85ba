#include "firmware/overlay.hpp"

#include <libfdt.h>

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "base/error.hpp"
#include "firmware/flat_tree.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware {
namespace {

using Named = std::pair<std::string, std::vector<std::uint8_t>>;

Description raw_tree(const Named& file) {
    Description tree;
    read_flat_tree(file.second, file.first, tree);
    return tree;
}

const Node* child_of_root(const Description& tree, std::string_view name) {
    for (const NodeIndex child : tree.nodes.front().children) {
        if (tree.node(child).name == name) return &tree.node(child);
    }
    return nullptr;
}

[[noreturn]] void fail(const std::string& file, std::string what, std::string expected = {}, std::string nearest = {}) {
    throw InputError(Diagnostic{{file, {}, {}, {}}, {}, std::move(what), std::move(expected), std::move(nearest)},
                     ExitStatus::bad_firmware);
}

/// `__fixups__`: a property for each symbol, whose texts are the places that want its phandle.
void check_symbols(const std::string& board, const Description& base, const std::string& file,
                   const Description& overlay) {
    const Node* const fixups = child_of_root(overlay, "__fixups__");
    if (fixups == nullptr) return;
    const Node* const symbols = child_of_root(base, "__symbols__");
    if (symbols == nullptr && !fixups->properties.empty()) {
        fail(file,
             fmt::format("it asks for labels such as '{}', but {} has no __symbols__",
                         printable(fixups->properties[0].name), board),
             "a board compiled with 'dtc -@'");
    }
    std::vector<std::string> known;
    if (symbols != nullptr) {
        for (const Property& symbol : symbols->properties) known.emplace_back(symbol.name);
    }
    std::vector<Diagnostic> findings;
    for (const Property& fixup : fixups->properties) {
        const std::string name(fixup.name);
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        const auto* const end = std::find(fixup.bytes.begin(), fixup.bytes.end(), std::uint8_t{0});
        const std::string place(fixup.bytes.begin(), end);
        Diagnostic finding;
        finding.where.file = file;
        finding.where.offset = fixup.offset;
        finding.path = printable(place);
        finding.what = fmt::format("{} has no label '{}'", board, printable(name));
        finding.nearest = nearest_name(name, known).value_or("");
        findings.push_back(std::move(finding));
        if (findings.size() == 100) break;
    }
    if (!findings.empty()) throw InputError(std::move(findings), ExitStatus::bad_firmware);
}

/// `target-path` of each fragment; `target` is what check_symbols looks at.
void check_targets(const std::string& board, const Description& base, const std::string& file,
                   const Description& overlay) {
    for (const NodeIndex child : overlay.nodes.front().children) {
        const Property* const target = overlay.node(child).property("target-path");
        if (target == nullptr) continue;
        const auto* const end = std::find(target->bytes.begin(), target->bytes.end(), std::uint8_t{0});
        const std::string path(target->bytes.begin(), end);
        if (path.empty() || path.front() != '/' || base.find_path(path)) continue;
        Diagnostic finding;
        finding.where.file = file;
        finding.where.offset = target->offset;
        finding.path = overlay.node(child).path + ":target-path";
        finding.what = fmt::format("{} has no node '{}'", board, printable(path));
        std::vector<std::string> known;
        for (const Node& node : base.nodes) known.push_back(node.path);
        finding.nearest = nearest_name(path, known).value_or("");
        throw InputError(std::move(finding), ExitStatus::bad_firmware);
    }
}

}  // namespace

bool is_overlay(const Description& tree) {
    if (tree.nodes.empty()) return false;
    const std::vector<NodeIndex>& children = tree.nodes.front().children;
    return std::any_of(children.begin(), children.end(), [&](NodeIndex child) {
        const std::vector<NodeIndex>& below = tree.node(child).children;
        return std::any_of(below.begin(), below.end(),
                           [&](NodeIndex at) { return tree.node(at).name == "__overlay__"; });
    });
}

std::vector<std::uint8_t> apply_overlays(const Named& board, const std::vector<Named>& overlays) {
    Named result = board;
    for (const auto& [file, bytes] : overlays) {
        const Description base = raw_tree(result);
        if (is_overlay(base)) fail(board.first, "this is an overlay, not a board");
        const Description overlay = raw_tree({file, bytes});
        if (!is_overlay(overlay)) fail(file, "this is no overlay: no child of its root has an __overlay__");
        check_symbols(board.first, base, file, overlay);
        check_targets(board.first, base, file, overlay);
        // What an overlay adds is at most itself, names and alignment included twice over.
        const std::uint64_t room = std::uint64_t{result.second.size()} + 2 * bytes.size() + 4096;
        if (room > kMaxFileBytes) {
            throw InputError(
                Diagnostic{{file, {}, {}, {}}, {}, "board and overlays together are larger than 64 MiB", {}, {}},
                ExitStatus::limit);
        }
        std::vector<std::uint8_t> merged(room);
        std::vector<std::uint8_t> patch = bytes;  // libfdt renumbers its phandles in place
        int status = fdt_open_into(result.second.data(), merged.data(), static_cast<int>(merged.size()));
        if (status == 0) status = fdt_overlay_apply(merged.data(), patch.data());
        if (status != 0) {
            fail(file, fmt::format("it can't be applied to {}: {}", board.first, fdt_strerror(status)));
        }
        fdt_pack(merged.data());
        merged.resize(fdt_totalsize(merged.data()));
        result.second = std::move(merged);
    }
    return result.second;
}

}  // namespace xlate::firmware
