// Ids that hardware of a family does not have. Counts: docs/spec/iommu-hardware.md (DART 16 streams; sun50i 6 masters;
// RISC-V 24 bits), Linux ipmmu-vmsa.c (32, 48, 64 micro-TLBs), arm-smmu (16 bits of id and of mask).
#include "firmware/id_limits.hpp"

#include <catch2/catch.hpp>

#include "tests/firmware/tree_builder.hpp"

using namespace xlate;
using namespace xlate::firmware;

namespace {

/// A board whose IOMMU is `compatible`, with one master of these cells.
Description board(const char* compatible, std::vector<std::uint32_t> cells, std::uint32_t iommu_cells = 1) {
    tests::TreeBuilder tree;
    tree.cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.open("iommu@1000").text("compatible", compatible).cells("reg", {0x1000, 0x1000}).cells("phandle", {1});
    tree.cells("#iommu-cells", {iommu_cells}).close();
    cells.insert(cells.begin(), 1);
    tree.open("dma@2000").text("compatible", "v,d").cells("reg", {0x2000, 0x10}).cells("iommus", cells).close();
    return read_device_tree(tree.finish(), "board");
}

bool odd(const Description& tree, const std::string& path, const std::string& text) {
    for (const Oddity& one : tree.oddities) {
        if (one.path == path && one.what.find(text) != std::string::npos) return true;
    }
    return false;
}

}  // namespace

TEST_CASE("an id that the IOMMU's family does not have is named with where it stands") {
    struct Case {
        const char* compatible;
        std::uint32_t ids;
    };
    const Case c = GENERATE(Case{"apple,t8103-dart", 16}, Case{"apple,t6000-dart", 16}, Case{"apple,t8110-dart", 256},
                            Case{"allwinner,sun50i-h6-iommu", 6}, Case{"renesas,ipmmu-vmsa", 32},
                            Case{"renesas,ipmmu-r8a7795", 48}, Case{"renesas,rcar-gen4-ipmmu-vmsa", 64},
                            Case{"riscv,iommu", 1U << 24}, Case{"arm,smmu-v3", 1U << 25});
    CAPTURE(c.compatible);
    CHECK(ids_beyond(board(c.compatible, {c.ids - 1})).empty());
    const Description tree = board(c.compatible, {c.ids});
    REQUIRE(ids_beyond(tree).size() == 1);
    CHECK(odd(tree, "/iommu@1000",
              std::string("(/dma@2000: iommus) is none that ") +
                  (std::string(c.compatible) == "arm,smmu-v3" ? "Linux's stream table holds (-34): 0x0 to 0x1ffffff"
                                                              : "it has: 0x0 to")));
    CHECK(ids_beyond(board("arm,mmu-500", {0xffff})).empty());  // entry by entry
}

TEST_CASE("an SMMUv2 keeps 16 bits of an id and of a mask, which is said of each") {
    CHECK(
        odd(board("arm,mmu-500", {0x24010}), "/dma@2000", "id 0x24010 is wider than 16 bits; this SMMU keeps 0x4010"));
    const Description two = board("arm,mmu-500", {0x24010, 0x10007}, 2);
    CHECK(odd(two, "/dma@2000", "id 0x24010 is wider than 16 bits; this SMMU keeps 0x4010"));
    CHECK(odd(two, "/dma@2000", "mask 0x10007 is wider than 16 bits; this SMMU keeps 0x7"));
    CHECK(board("arm,mmu-500", {0x4010, 0x7}, 2).oddities.empty());
}

// SMMU_IDR0.NUMSIDB is 15 at most, 16 bits with EXIDS; Linux: "stream ID/SMR mask out of range for SMMU", -EINVAL. Its
// two-level stream table has 2^17 entries of 2^8: -ERANGE.
TEST_CASE("an id or a mask that Linux's SMMU drivers refuse is told, and why") {
    const auto why = [](const char* compatible, StreamMatch stream) {
        return refused_stream(board(compatible, {1}).nodes[1], stream).value_or("");
    };
    CHECK(why("arm,mmu-500", {0x7fff, 0x7fff}).empty());
    CHECK(why("arm,mmu-500", {0x8000, 0}) == "id 0x8000 is beyond the 15 bits of an SMMU without extended ids (-22)");
    CHECK(why("arm,mmu-401", {0x19c3, 0x8000}) ==
          "mask 0x8000 is beyond the 15 bits of an SMMU without extended ids (-22)");
    CHECK(why("cavium,smmu-v2", {0xffff, 0xffff}).empty());
    CHECK(why("arm,smmu-v3", {0x1ffffff, 0}).empty());
    CHECK(why("arm,smmu-v3", {0x4000000, 0}) ==
          "id 0x4000000 is beyond the 0x2000000 that Linux's stream table holds (-34)");
    CHECK(why("apple,t8103-dart", {0x4000000, 0}).empty());
}

TEST_CASE("an SMMUv2 has a context bank for each interrupt but the global ones") {
    tests::TreeBuilder tree;
    tree.cells("#address-cells", {1}).cells("#size-cells", {1}).cells("interrupt-parent", {9});
    tree.open("gic@8000").text("compatible", "arm,gic-v3").cells("reg", {0x8000, 0x1000}).cells("phandle", {9});
    tree.flag("interrupt-controller").cells("#interrupt-cells", {3}).close();
    for (const char* const compatible : {"arm,mmu-500", "arm,mmu-401"}) {
        tree.open(std::string(compatible) + "@1000").text("compatible", compatible).cells("reg", {0x1000, 0x1000});
        tree.cells("#iommu-cells", {1}).cells("#global-interrupts", {1});
        tree.cells("interrupts", {0, 1, 4, 0, 2, 4, 0, 3, 4}).close();
    }
    const Description board = read_device_tree(tree.finish(), "board");
    CHECK(context_banks(board.node(*board.find_path("/arm,mmu-500@1000"))) == 2U);
    CHECK_FALSE(context_banks(board.node(*board.find_path("/arm,mmu-401@1000"))));  // banks share them
}

// Linux of_map_id(): *id_out = masked_id - id_base + out_base, in 32 bits.
TEST_CASE("a row whose ids pass 32 bits is named") {
    tests::TreeBuilder tree;
    tree.cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.open("iommu@1000").text("compatible", "arm,smmu-v3").cells("reg", {0x1000, 0x20000}).cells("phandle", {1});
    tree.cells("#iommu-cells", {1}).close();
    tree.open("pcie@100000").text("compatible", "pci-host-ecam-generic").text("device_type", "pci");
    tree.cells("reg", {0x100000, 0x100000}).cells("#address-cells", {3}).cells("#size-cells", {2});
    tree.cells("iommu-map", {0x0, 1, 0xFFFFFFF8, 0x8, 0x8, 1, 0xFFFFFFFF, 0x8}).close();
    const Description board = read_device_tree(tree.finish(), "board");
    CHECK(odd(board, "/pcie@100000", "row 1: its ids pass 32 bits"));
    CHECK_FALSE(odd(board, "/pcie@100000", "row 0: its ids pass 32 bits"));
    CHECK(board.map_id(*board.find_path("/pcie@100000"), 0x9).id == 0);
}
