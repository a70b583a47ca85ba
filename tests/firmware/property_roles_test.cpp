#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/overlay.hpp"
#include "firmware/property_roles.hpp"
#include "tests/corpus.hpp"
#include "tests/firmware/tree_builder.hpp"

using namespace xlate;
using namespace xlate::firmware;
namespace fs = std::filesystem;

namespace {

bool is_dictionary(const Node& node) { return node.name == "aliases" || node.name.rfind("__", 0) == 0; }

}  // namespace

TEST_CASE("each property name stands in one row, and what is not modelled has a sentence") {
    std::set<std::string_view> names;
    for (const PropertyRow& row : property_rows()) {
        CAPTURE(std::string(row.name));
        CHECK(names.insert(row.name).second);
        CHECK((row.role == PropertyRole::not_modelled) == !row.sentence.empty());
    }
    CHECK(property_row("dma-coherent")->role == PropertyRole::acted_on);
    CHECK(property_row("vdda-supply")->role == PropertyRole::irrelevant);
    CHECK(property_row("dma-of-tomorrow")->role == PropertyRole::not_modelled);
    CHECK(property_row("no-such-thing") == nullptr);
}

TEST_CASE("every property of an IOMMU, and every one that speaks of DMA, has a role or is named on every corpus board",
          "[corpus]") {
    if (tests::skip_without_corpus()) return;
    std::size_t seen = 0;
    for (const auto& entry : fs::recursive_directory_iterator(*tests::corpus())) {
        if (entry.path().extension() != ".dtb") continue;
        Description board;
        try {
            board = read_device_tree(read_file(entry.path().string()), entry.path().filename().string());
        } catch (const InputError&) {
            continue;  // a broken one
        }
        std::set<std::string_view> without_row;
        for (const Node& node : board.nodes) {
            if (!node.reachable || is_dictionary(node) || (node.parent && is_dictionary(board.node(*node.parent))))
                continue;
            for (const Property& property : node.properties) {
                if (!is_iommu(node) && !speaks_of_dma(property.name)) continue;
                ++seen;
                if (property_row(property.name) == nullptr) without_row.insert(property.name);
            }
        }
        // Named for a reader, once each, with the nodes that are there.
        std::set<std::string_view> named;
        for (const UnmodelledProperty& one : unmodelled_properties(board)) {
            CHECK(named.insert(one.name).second);
            CHECK_FALSE(one.what.empty());
            for (const NodeIndex at : one.nodes) CHECK(board.node(at).has(one.name));
        }
        for (const std::string_view one : without_row) {
            INFO(entry.path().filename().string() << ": " << one);
            CHECK(named.count(one) == 1);  // a reader hears that it is not known here
        }
    }
    tests::went_over(seen, "property");
}

TEST_CASE("a fact that no model acts on is named with its nodes") {
    tests::TreeBuilder tree;
    tree.cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.open("smmu@1000").text("compatible", "arm,smmu-v3").cells("reg", {0x1000, 0x20000}).cells("#iommu-cells", {1});
    tree.cells("phandle", {1}).cells("power-domains", {7, 1}).cells("vendor,odd", {1}).close();
    tree.open("dma@2000").text("compatible", "v,d").cells("reg", {0x2000, 0x10}).cells("iommus", {1, 8});
    tree.cells("power-domains", {7, 2}).cells("vendor,iommu-odd", {1}).cells("vendor,other", {1}).close();
    tree.open("uart@3000").text("compatible", "v,u").cells("power-domains", {7, 3}).close();
    // A pool of its own: only who has no IOMMU bounces through it.
    tree.open("pool@4000").text("compatible", "restricted-dma-pool").cells("reg", {0x4000, 0x1000});
    tree.cells("phandle", {2}).close();
    tree.open("usb@5000").text("compatible", "v,u").cells("reg", {0x5000, 0x10}).cells("memory-region", {9, 2}).close();
    tree.open("dma@6000").text("compatible", "v,d").cells("reg", {0x6000, 0x10}).cells("memory-region", {2});
    tree.cells("iommus", {1, 9}).close();
    // Of a host bridge it is for its functions; an SMMU sends such messages itself.
    tree.open("pcie@7000").text("compatible", "v,p").text("device_type", "pci").cells("reg", {0x7000, 0x10});
    tree.cells("iommu-map", {0, 1, 0, 8}).cells("msi-parent", {3}).close();
    tree.open("smmu@8000").text("compatible", "arm,smmu-v3").cells("reg", {0x8000, 0x20000}).cells("#iommu-cells", {1});
    tree.cells("msi-parent", {3}).close();
    const Description board = read_device_tree(tree.finish(), "board");
    std::vector<std::string> lines;
    for (const UnmodelledProperty& one : unmodelled_properties(board))
        lines.push_back(std::string(one.name) + " " + std::to_string(one.nodes.size()));
    CHECK(lines ==
          std::vector<std::string>{"msi-parent 1", "restricted-dma-pool 1", "vendor,iommu-odd 1", "vendor,odd 1"});
}

TEST_CASE("property roles: an msi-parent is for PCI functions, or for the objects of DPAA2", "[firmware]") {
    const auto said_of = [](bool host, bool complex) {
        tests::TreeBuilder tree;
        tree.cells("#address-cells", {1}).cells("#size-cells", {1});
        if (host) {
            tree.open("pcie@7000").text("compatible", "v,p").text("device_type", "pci").cells("reg", {0x7000, 0x10});
            tree.cells("iommu-map", {0, 1, 0, 8}).cells("msi-parent", {3}).close();
        }
        if (complex) {
            tree.open("fsl-mc@c000").text("compatible", "fsl,qoriq-mc").cells("reg", {0xc000, 0x40});
            tree.cells("iommu-map", {0, 1, 8, 8}).cells("msi-parent", {3}).close();
        }
        const Description board = read_device_tree(tree.finish(), "board");  // names lie in it
        std::string text;
        for (const UnmodelledProperty& one : unmodelled_properties(board))
            text += std::string(one.name) + " " + std::to_string(one.nodes.size()) + " " + one.what + "\n";
        return text;
    };
    const std::string rest = ": their interrupts are not simulated\n";
    CHECK(said_of(false, false).empty());
    CHECK(said_of(true, false) == "msi-parent 1 messages of PCI functions" + rest);
    CHECK(said_of(false, true) == "msi-parent 1 messages of DPAA2 objects" + rest);
    CHECK(said_of(true, true) == "msi-parent 2 messages of PCI functions and of DPAA2 objects" + rest);
}

namespace {

std::vector<std::uint8_t> base_with_labels() {
    tests::TreeBuilder tree;
    tree.cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.open("smmu@1000").text("compatible", "arm,smmu-v3").cells("reg", {0x1000, 0x20000}).cells("#iommu-cells", {1});
    tree.cells("phandle", {1}).text("status", "disabled").close();
    tree.open("dma@2000").text("compatible", "v,d").cells("reg", {0x2000, 0x10}).cells("phandle", {2}).close();
    tree.open("__symbols__").text("smmu", "/smmu@1000").text("dma", "/dma@2000").close();
    return tree.finish();
}

/// Puts iommus into what `label` names, and switches the SMMU on.
std::vector<std::uint8_t> overlay_for(const char* label) {
    tests::TreeBuilder tree;
    tree.open("fragment@0").cells("target", {0xffffffff}).open("__overlay__").cells("iommus", {0xffffffff, 8});
    tree.close().close();
    tree.open("fragment@1").cells("target", {0xffffffff}).open("__overlay__").text("status", "okay").close().close();
    tree.open("__fixups__").text(label, "/fragment@0:target:0");
    using namespace std::string_view_literals;
    tree.text("smmu", "/fragment@0/__overlay__:iommus:0\0/fragment@1:target:0"sv).close();
    return tree.finish();
}

}  // namespace

TEST_CASE("an overlay changes a board, a label that the board lacks is named with its place") {
    const Description applied = read_device_tree(
        apply_overlays({"base.dtb", base_with_labels()}, {{"a.dtbo", overlay_for("dma")}}), "base.dtb");
    const NodeIndex dma = *applied.find_path("/dma@2000");
    CHECK(applied.effective_iommus(dma).translated);
    CHECK(applied.node(dma).iommus.front().args == std::vector<std::uint32_t>{8});
    CHECK_FALSE(is_overlay(applied));
    CHECK(is_overlay(read_device_tree(overlay_for("dma"), "a.dtbo")));
    const auto refusal = [](std::vector<std::uint8_t> base, std::vector<std::uint8_t> overlay) -> std::string {
        try {
            apply_overlays({"base.dtb", std::move(base)}, {{"a.dtbo", std::move(overlay)}});
        } catch (const InputError& error) {
            CHECK(error.status() == ExitStatus::bad_firmware);
            return error.what();
        }
        return "";
    };
    const std::string lacking = refusal(base_with_labels(), overlay_for("dmaa"));
    CHECK(lacking.find("base.dtb has no label 'dmaa'") != std::string::npos);
    CHECK(lacking.find("/fragment@0:target:0") != std::string::npos);
    CHECK(lacking.find("did you mean 'dma'") != std::string::npos);
    CHECK(refusal(base_with_labels(), base_with_labels()).find("no overlay") != std::string::npos);
    CHECK(refusal(overlay_for("dma"), overlay_for("dma")).find("this is an overlay") != std::string::npos);
}
