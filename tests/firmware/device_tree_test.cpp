#include <algorithm>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "base/bits.hpp"
#include "base/random.hpp"
#include "firmware/description.hpp"
#include "firmware/limits.hpp"
#include "tests/firmware/tree_builder.hpp"

using namespace xlate;
using namespace xlate::firmware;
using namespace std::string_view_literals;
using xlate::tests::TreeBuilder;

namespace {

using Blob = std::vector<std::uint8_t>;

Description read(TreeBuilder& builder) { return read_device_tree(builder.finish(), "test.dtb"); }

const Node& at(const Description& tree, std::string_view path) {
    const std::optional<NodeIndex> found = tree.find_path(path);
    INFO(path);
    REQUIRE(found);
    return tree.node(*found);
}

bool odd(const Description& tree, std::string_view path, std::string_view text) {
    return std::any_of(tree.oddities.begin(), tree.oddities.end(), [&](const Oddity& oddity) {
        return oddity.path == path && oddity.what.find(text) != std::string::npos;
    });
}

/// Cells of 1 + 1, an SMMU at 0x1000 with phandle 1 and one cell, a disabled one with phandle 2.
TreeBuilder& board(TreeBuilder& builder) {
    builder.cells("#address-cells", {1}).cells("#size-cells", {1});
    builder.open("iommu@1000").text("compatible", "arm,smmu-v3").cells("reg", {0x1000, 0x20000});
    builder.cells("#iommu-cells", {1}).cells("phandle", {1}).close();
    builder.open("iommu@42000").text("compatible", "arm,smmu-v3").cells("reg", {0x42000, 0x20000});
    builder.cells("#iommu-cells", {1}).cells("phandle", {2}).text("status", "disabled").close();
    builder.open("timer@3000").text("compatible", "test,timer").cells("reg", {0x3000, 4}).cells("phandle", {3}).close();
    return builder;
}

Description with_iommus(const std::vector<std::uint32_t>& iommus) {
    TreeBuilder builder;
    board(builder).open("dma@4000").text("compatible", "test,dma").cells("reg", {0x4000, 4});
    builder.cells("iommus", iommus).close();
    return read(builder);
}

std::vector<EntryResult> results(const Description& tree) {
    std::vector<EntryResult> all;
    for (const IommuEntry& entry : at(tree, "/dma@4000").iommus) all.push_back(entry.result);
    return all;
}

InputError refused(const Blob& blob) {
    try {
        read_device_tree(blob, "test.dtb");
    } catch (const InputError& error) {
        return error;
    }
    FAIL("accepted");
    throw;
}

Blob patched(Blob blob, std::size_t offset, std::uint32_t word) {
    store_be(blob.data() + offset, 4, word);
    return blob;
}

Blob small_blob() {
    TreeBuilder builder;
    board(builder).open("dma@4000").text("compatible", "test,dma").cells("iommus", {1, 5, 2, 6}).close();
    builder.open("pci@5000").text("device_type", "pci").cells("#address-cells", {3}).cells("#size-cells", {2});
    builder.cells("iommu-map", {0, 1, 0, 0x100}).cells("iommu-map-mask", {0xff});
    builder.cells("ranges", {0x02000000, 0, 0x10000000, 0x10000000, 0, 0x1000});
    builder.cells("dma-ranges", {0x02000000, 0, 0, 0, 0, 0x80000000}).close();
    return builder.finish();
}

}  // namespace

TEST_CASE("device tree: each way in which an iommus entry can read", "[firmware]") {
    using R = EntryResult;
    const auto effective_ids = [](const Description& tree) {
        std::vector<std::uint32_t> ids;
        const Description::Effective effective = tree.effective_iommus(tree.find_path("/dma@4000").value());
        for (const IommuEntry* entry : effective.entries) ids.push_back(entry->args[0]);
        return ids;
    };
    struct Case {
        std::vector<std::uint32_t> iommus;
        std::vector<R> results;
        std::vector<std::uint32_t> effective;
        std::string_view oddity;
    };
    const Case c = GENERATE(values<Case>({
        {{1, 8}, {R::ok}, {8}, ""},
        {{1, 8, 1, 9}, {R::ok, R::ok}, {8, 9}, ""},
        {{1, 8, 1, 8}, {R::ok, R::ok}, {8, 8}, "more than once"},
        {{2, 8}, {R::provider_disabled}, {}, "is disabled"},
        {{1, 8, 2, 9}, {R::ok, R::provider_disabled}, {}, "is disabled"},
        {{2, 8, 1, 9}, {R::provider_disabled, R::ok}, {}, "several IOMMUs"},
        {{0, 1, 8}, {R::hole}, {}, "entry 0 is a hole (phandle 0)"},
        {{1, 8, 0}, {R::ok, R::hole}, {8}, "entry 1 is a hole"},
        {{0xdead, 8}, {R::missing_node}, {}, "no node has phandle 0xdead"},
        {{1, 8, 0xdead}, {R::ok, R::missing_node}, {8}, "no node has phandle 0xdead"},
        {{3, 8}, {R::no_cells_property}, {}, "phandle 0x3 (/timer@3000) has no #iommu-cells"},
        {{1}, {R::truncated}, {}, "phandle 0x1 (/iommu@1000) takes 1 cell, 0 are left"},
        {{1, 8, 1}, {R::ok, R::truncated}, {8}, "takes 1 cell, 0 are left"},
        {{2}, {R::truncated}, {}, "takes 1 cell, 0 are left"},
        {{}, {}, {}, "empty"},
    }));
    const Description tree = with_iommus(c.iommus);
    CHECK(results(tree) == c.results);
    CHECK(effective_ids(tree) == c.effective);
    CHECK(at(tree, "/dma@4000").has_iommus);
    if (!c.oddity.empty()) CHECK(odd(tree, "/dma@4000", c.oddity));
    if (c.oddity.empty()) CHECK(tree.oddities.empty());
}

TEST_CASE("device tree: an iommu-map answers as Linux does", "[firmware]") {
    using R = MapResult;
    const auto lookup = [](const std::vector<std::uint32_t>& map, std::optional<std::uint32_t> mask, std::uint32_t id) {
        TreeBuilder builder;
        board(builder).open("pci@5000").text("compatible", "test,pci").cells("iommu-map", map);
        if (mask) builder.cells("iommu-map-mask", {*mask});
        builder.close();
        const Description tree = read(builder);
        return tree.map_id(tree.find_path("/pci@5000").value(), id);
    };
    struct Case {
        std::vector<std::uint32_t> map;
        std::optional<std::uint32_t> mask;
        std::uint32_t id;
        R result;
        std::uint32_t out;
    };
    const Case c = GENERATE(values<Case>({
        {{0, 1, 0x100, 0x10}, {}, 0, R::ok, 0x100},
        {{0, 1, 0x100, 0x10}, {}, 0xf, R::ok, 0x10f},
        {{0, 1, 0x100, 0x10}, {}, 0x10, R::bypass, 0x10},
        {{8, 1, 0x100, 0x10}, {}, 7, R::bypass, 7},
        {{8, 1, 0, 0}, {}, 8, R::bypass, 8},
        {{0, 1, 0x100, 0x10000}, 0xfff8, 0x1b, R::ok, 0x118},
        {{0, 1, 0x100, 0x10000}, 0, 0x1b, R::ok, 0x100},
        {{0, 1, 0, 8, 9, 1, 0, 8}, 0xfff8, 0x20, R::error_base_outside_mask, 0x20},
        {{0, 1, 0, 8, 9, 1, 0, 8}, 0xfff8, 0x3, R::ok, 0},
        {{0, 2, 0x40, 8}, {}, 1, R::provider_disabled, 0x41},
        {{0, 0xdead, 0x40, 8}, {}, 1, R::missing_node, 1},
        {{0, 1, 0x10, 8, 4, 1, 0x20, 8}, {}, 5, R::ok, 0x15},
        {{0, 1, 0xfffffff0, 0x20}, {}, 0x18, R::ok, 8},
        {{0xfffffff0, 1, 0, 0x10}, {}, 0xfffffff8, R::bypass, 0xfffffff8},
        {{0, 1, 0}, {}, 0, R::error_malformed, 0},
        {{}, {}, 0, R::error_malformed, 0},
    }));
    const MapLookup answer = lookup(c.map, c.mask, c.id);
    CHECK(answer.result == c.result);
    CHECK(answer.id == c.out);
}

TEST_CASE("device tree: reg is followed through ranges to the CPU", "[firmware]") {
    TreeBuilder builder;
    builder.cells("#address-cells", {2}).cells("#size-cells", {1});
    builder.open("bus@80000000").cells("#address-cells", {1}).cells("#size-cells", {1});
    builder.cells("ranges", {0x0, 0x1, 0x80000000, 0x1000, 0x2000, 0x2, 0x0, 0x1000});
    builder.open("inside@10").cells("reg", {0x10, 4, 0x2ffc, 4}).text("reg-names", "one\0two"sv).close();
    builder.open("outside@1000").cells("reg", {0x1000, 4}).close();
    builder.open("deeper").cells("#address-cells", {1}).cells("#size-cells", {0}).flag("ranges");
    builder.open("port@20").cells("reg", {0x20}).close();
    builder.close();
    builder.open("i2c").cells("#address-cells", {1}).cells("#size-cells", {0});
    builder.open("sensor@48").cells("reg", {0x48}).close();
    builder.close().close();
    builder.open("pci").text("device_type", "pci").cells("#address-cells", {3}).cells("#size-cells", {2});
    builder.cells("ranges", {0x01000000, 0, 0, 0, 0x3eff0000, 0, 0x10000,  //
                             0x02000000, 0, 0x10000000, 0x5, 0x10000000, 0, 0x1000000});
    builder.open("nic@1,0").cells("reg", {0x0800, 0, 0, 0, 0, 0x02000810, 0, 0x10000040, 0, 0x40}).close();
    builder.close();
    const Description tree = read(builder);

    const Node& inside = at(tree, "/bus@80000000/inside@10");
    REQUIRE(inside.regs.size() == 2);
    CHECK(inside.regs[0].cpu_address == 0x1'8000'0010ULL);
    CHECK(inside.regs[0].name == "one");
    CHECK(inside.regs[1].cpu_address == 0x2'0000'0ffcULL);
    CHECK(inside.regs[1].name == "two");
    CHECK_FALSE(at(tree, "/bus@80000000/outside@1000").regs[0].cpu_address);
    CHECK(at(tree, "/bus@80000000/deeper/port@20").regs[0].cpu_address == 0x1'8000'0020ULL);
    CHECK_FALSE(at(tree, "/bus@80000000/i2c/sensor@48").regs[0].cpu_address);
    const Node& nic = at(tree, "/pci/nic@1,0");
    REQUIRE(nic.regs.size() == 2);
    CHECK(nic.regs[0].high == 0x0800);
    CHECK_FALSE(nic.regs[0].cpu_address);  // configuration space is in no row
    CHECK(nic.regs[1].cpu_address == 0x5'1000'0040ULL);
}

TEST_CASE("device tree: interrupts find their controller", "[firmware]") {
    TreeBuilder builder;
    builder.cells("#address-cells", {1}).cells("#size-cells", {1}).cells("interrupt-parent", {1});
    builder.open("gic").cells("#interrupt-cells", {3}).cells("phandle", {1}).close();
    builder.open("plic").cells("#interrupt-cells", {1}).cells("phandle", {2}).close();
    builder.open("smmu").cells("interrupts", {0, 74, 1, 0, 75, 1}).text("interrupt-names", "eventq\0gerror"sv).close();
    builder.open("other").cells("interrupt-parent", {2}).cells("interrupts", {7}).close();
    builder.open("mixed").cells("interrupts-extended", {2, 9, 0, 1, 0, 4, 4}).close();
    builder.open("odd").cells("interrupts", {0, 74}).close();
    builder.open("loop").cells("interrupt-parent", {5}).cells("phandle", {5}).cells("interrupts", {1, 2}).close();
    const Description tree = read(builder);
    const std::optional<NodeIndex> gic = tree.find_path("/gic");
    const std::optional<NodeIndex> plic = tree.find_path("/plic");

    const Node& smmu = at(tree, "/smmu");
    REQUIRE(smmu.interrupts.size() == 2);
    CHECK(smmu.interrupts[1].controller == gic);
    CHECK(smmu.interrupts[1].cells == std::vector<std::uint32_t>{0, 75, 1});
    CHECK(smmu.interrupts[1].name == "gerror");
    REQUIRE(at(tree, "/other").interrupts.size() == 1);
    CHECK(at(tree, "/other").interrupts[0].controller == plic);
    const Node& mixed = at(tree, "/mixed");
    REQUIRE(mixed.interrupts.size() == 3);
    CHECK(mixed.interrupts[0].controller == plic);
    CHECK_FALSE(mixed.interrupts[1].controller);
    CHECK(mixed.interrupts[2].cells == std::vector<std::uint32_t>{0, 4, 4});
    CHECK(odd(tree, "/odd", "2 cells are not a whole number of interrupts of 3"));
    CHECK(odd(tree, "/loop", "no interrupt controller takes them"));
}

TEST_CASE("device tree: coherence and dma-ranges follow the DMA parents", "[firmware]") {
    TreeBuilder builder;
    builder.cells("#address-cells", {1}).cells("#size-cells", {1});
    builder.open("mc").cells("phandle", {1}).cells("#interconnect-cells", {1}).flag("dma-coherent");
    builder.cells("#address-cells", {1})
        .cells("#size-cells", {1})
        .cells("dma-ranges", {0, 0x40000000, 0x10000000})
        .close();
    builder.open("bus").cells("#address-cells", {1}).cells("#size-cells", {1}).flag("dma-ranges");
    builder.open("plain").close();
    builder.open("far").cells("interconnects", {1, 5, 1, 6}).text("interconnect-names", "write\0dma-mem"sv).close();
    builder.open("strict").flag("dma-noncoherent");
    builder.cells("interconnects", {1, 6}).text("interconnect-names", "dma-mem").close();
    builder.open("lost").cells("interconnects", {9, 6}).text("interconnect-names", "dma-mem").close();
    builder.close();
    builder.open("ring").cells("phandle", {7}).cells("#interconnect-cells", {0});
    builder.cells("interconnects", {7}).text("interconnect-names", "dma-mem").close();
    builder.open("bad").cells("dma-ranges", {1, 2}).close();
    const Description tree = read(builder);
    const std::optional<NodeIndex> mc = tree.find_path("/mc");

    CHECK(at(tree, "/bus/plain").dma_parent == tree.find_path("/bus"));
    CHECK_FALSE(at(tree, "/bus/plain").dma_ranges_node);
    CHECK_FALSE(at(tree, "/bus/plain").dma_coherent);
    CHECK(at(tree, "/bus/far").dma_parent == mc);
    CHECK(at(tree, "/bus/far").dma_ranges_node == mc);
    CHECK(at(tree, "/bus/far").dma_coherent);
    CHECK_FALSE(at(tree, "/bus/strict").dma_coherent);
    CHECK(at(tree, "/bus/lost").dma_parent == tree.find_path("/bus"));
    CHECK(odd(tree, "/bus/lost", "no node has phandle 0x9"));
    CHECK(odd(tree, "/ring", "DMA parents form a loop"));
    CHECK(at(tree, "/bus").dma_ranges->kind == DmaRanges::Kind::empty);
    REQUIRE(at(tree, "/mc").dma_ranges->windows.size() == 1);
    CHECK(at(tree, "/mc").dma_ranges->windows[0].cpu == 0x40000000);
    CHECK(at(tree, "/bad").dma_ranges->kind == DmaRanges::Kind::bad_length);
    CHECK(odd(tree, "/bad", "8 bytes are not a whole number of rows"));
}

TEST_CASE("device tree: status counts for a node and for all that is below it", "[firmware]") {
    TreeBuilder builder;
    builder.open("on").text("status", "okay").open("child").close().close();
    builder.open("off").text("status", "disabled").open("child").text("status", "ok").close().close();
    builder.open("fail").text("status", "fail").close();
    builder.open("empty").flag("status").close();
    const Description tree = read(builder);
    CHECK(at(tree, "/on/child").reachable);
    CHECK_FALSE(at(tree, "/off").available);
    CHECK(at(tree, "/off/child").available);
    CHECK_FALSE(at(tree, "/off/child").reachable);
    CHECK_FALSE(at(tree, "/fail").available);
    CHECK_FALSE(at(tree, "/empty").available);
}

TEST_CASE("device tree: a phandle that two nodes have is named with both, and the first one counts", "[firmware]") {
    TreeBuilder builder;
    builder.open("a").cells("phandle", {4}).cells("#iommu-cells", {0}).close();
    builder.open("b").cells("phandle", {4}).cells("#iommu-cells", {0}).close();
    builder.open("c").text("compatible", "test,c").cells("iommus", {4}).close();
    const Description tree = read(builder);
    CHECK(odd(tree, "/b", "phandle 0x4 is also that of /a"));
    CHECK(at(tree, "/c").iommus.at(0).provider == tree.find_path("/a"));
    CHECK(tree.find_phandle(4) == tree.find_path("/a"));
    CHECK_FALSE(tree.find_phandle(0));
}

TEST_CASE("device tree: cells that no address has are an oddity, not a crash", "[firmware]") {
    const std::uint32_t cells = GENERATE(0U, 5U, 0x40000000U, 0xffffffffU);
    TreeBuilder builder;
    builder.cells("#address-cells", {cells}).cells("#size-cells", {cells});
    builder.open("dev@1").cells("reg", {1, 2, 3, 4}).close();
    builder.open("bus").cells("ranges", {1, 2, 3}).cells("#address-cells", {cells}).cells("dma-ranges", {1, 2, 3});
    builder.open("dev@2").cells("reg", {1, 2, 3, 4}).close().close();
    const Description tree = read(builder);
    CHECK(at(tree, "/dev@1").regs.empty());
    CHECK(odd(tree, "/dev@1", "can't be read"));
}

TEST_CASE("device tree: a header that lies is refused with the offset of the lie", "[firmware]") {
    const Blob good = small_blob();
    CHECK_NOTHROW(read_device_tree(good, "good.dtb"));
    const auto size = static_cast<std::uint32_t>(good.size());
    struct Case {
        std::size_t offset;
        std::uint32_t word;
        const char* text;
    };
    const Case c = GENERATE_COPY(values<Case>({
        {0, 0xedfe0dd0, "test.dtb+0x0: magic is 0xedfe0dd0"},
        {4, size + 1, "test.dtb+0x4: totalsize"},
        {4, 39, "test.dtb+0x4: totalsize"},
        {8, 2, "test.dtb+0x8: offset of the structure block"},
        {8, 58, "test.dtb+0x8: offset of the structure block is 0x3a; expected a multiple of 4"},
        {8, size + 4, "test.dtb+0x8: offset of the structure block"},
        {12, 0xffffffff, "test.dtb+0xc: offset of the strings block"},
        {16, 44, "test.dtb+0x10: offset of the memory reservation block is 0x2c; expected a multiple of 8"},
        {16, 0, "test.dtb+0x10: offset of the memory reservation block"},
        {20, 15, "test.dtb+0x14: version is 15"},
        {24, 18, "test.dtb+0x18: last compatible version is 18"},
        {32, 0xfffffff0, "test.dtb+0x20: the strings block"},
        {36, 0xfffffff0, "test.dtb+0x24: the structure block"},
    }));
    const InputError error = refused(patched(good, c.offset, c.word));
    CAPTURE(error.what());
    CHECK(error.status() == ExitStatus::bad_firmware);
    CHECK(std::string(error.what()).find(c.text) == 0);
}

TEST_CASE("device tree: a damaged structure is refused with its offset", "[firmware]") {
    const Blob good = small_blob();
    const auto structure = static_cast<std::size_t>(load_be(good.data() + 8, 4));
    // The root's first property follows its empty name: token, length, name offset.
    CHECK(std::string(refused(patched(good, structure, 7)).what()).find("0x7 is not a token") != std::string::npos);
    CHECK(std::string(refused(patched(good, structure + 12, 0xfffffff0)).what()).find("past the end") !=
          std::string::npos);
    CHECK(std::string(refused(patched(good, structure + 16, 0x7fffffff)).what()).find("outside the strings block") !=
          std::string::npos);
    CHECK(std::string(refused(patched(good, structure, 9)).what()).find("no root node") != std::string::npos);
    CHECK(std::string(refused(patched(good, structure, 3)).what()).find("outside any node") != std::string::npos);
    CHECK(refused(Blob{}).findings().size() == 1);
}

TEST_CASE("device tree: nesting beyond the limit is refused", "[firmware]") {
    const auto nested = [](std::size_t depth) {
        TreeBuilder builder;
        for (std::size_t i = 1; i < depth; ++i) builder.open("n");
        for (std::size_t i = 1; i < depth; ++i) builder.close();
        return builder.finish();
    };
    CHECK(read_device_tree(nested(kMaxDepth), "deep.dtb").nodes.size() == kMaxDepth);
    CHECK(refused(nested(kMaxDepth + 1)).status() == ExitStatus::limit);
}

TEST_CASE("device tree: a tree that would take forever to translate is refused", "[firmware]") {
    TreeBuilder builder(4U << 20);
    builder.cells("#address-cells", {1}).cells("#size-cells", {1});
    builder.open("bus").cells("#address-cells", {1}).cells("#size-cells", {1});
    builder.cells("ranges", std::vector<std::uint32_t>(3 * 20'000, 0));
    builder.open("dev").cells("reg", std::vector<std::uint32_t>(2 * 1'000, 1)).close().close();
    const InputError error = refused(builder.finish());
    CHECK(error.status() == ExitStatus::limit);
    CHECK(std::string(error.what()).find("take too long to follow") != std::string::npos);
}

TEST_CASE("device tree: a copy keeps its properties when the original is gone", "[firmware]") {
    TreeBuilder builder;
    builder.open("board").cells("#address-cells", {1}).text("model", "a board with a long name").close();
    Description copy;
    {
        const Description original = read(builder);
        copy = original;
    }
    REQUIRE(copy.nodes[1].properties.size() == 2);
    CHECK(copy.nodes[1].u32("#address-cells") == 1);
    const Property* model = copy.nodes[1].property("model");
    REQUIRE(model != nullptr);
    CHECK(std::string(model->bytes.begin(), model->bytes.end()) == std::string("a board with a long name", 25));
}

TEST_CASE("device tree: bytes behind the tree are noted and ignored", "[firmware]") {
    Blob blob = small_blob();
    const std::size_t size = blob.size();
    blob.resize(size + 5);
    const Description tree = read_device_tree(blob, "test.dtb");
    CHECK(odd(tree, "/", "5 bytes follow the tree"));
}

TEST_CASE("device tree: a hundred thousand nodes are read in a moment", "[firmware]") {
    constexpr std::uint32_t kNodes = 100'000;
    TreeBuilder builder(32U << 20);
    builder.cells("#address-cells", {1}).cells("#size-cells", {1});
    builder.open("iommu").cells("#iommu-cells", {1}).cells("phandle", {1}).cells("reg", {0, 4}).close();
    builder.open("soc").cells("#address-cells", {1}).cells("#size-cells", {1}).flag("ranges");
    for (std::uint32_t i = 0; i < kNodes; ++i) {
        builder.open("dev@" + std::to_string(i)).text("compatible", "test,dev").cells("reg", {4 * i, 4});
        builder.cells("iommus", {1, i}).cells("phandle", {i + 2}).close();
    }
    builder.close();
    const Blob blob = builder.finish();
    const std::clock_t start = std::clock();  // CPU time: other work on the machine must not decide
    const Description tree = read_device_tree(blob, "large.dtb");
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    CHECK(tree.nodes.size() == kNodes + 3);
    CHECK(tree.oddities.empty());
    CAPTURE(seconds);
    CHECK(seconds < 20);  // a quadratic reader takes minutes; the margin is for slow, instrumented builds
}

TEST_CASE("device tree: whatever is flipped or cut, the answer is an error or a description", "[firmware]") {
    const Blob good = small_blob();
    Rng rng{1, "tests.firmware.fuzz"};
    std::size_t accepted = 0;
    std::size_t refusals = 0;
    for (int round = 0; round < 20'000; ++round) {
        Blob blob = good;
        const std::uint64_t flips = rng.below(4);
        for (std::uint64_t i = 0; i < flips; ++i) blob[rng.below(blob.size())] = static_cast<std::uint8_t>(rng.next());
        if (rng.chance(1, 4))
            store_be(blob.data() + 4 * rng.below(blob.size() / 4), 4, rng.chance(1, 2) ? 0xffffffff : rng.below(64));
        if (rng.chance(1, 8)) blob.resize(rng.below(blob.size() + 1));
        CAPTURE(round);
        try {
            const Description tree = read_device_tree(blob, "fuzz.dtb");
            for (std::uint32_t i = 0; i < tree.nodes.size(); ++i) {
                tree.effective_iommus(NodeIndex{i});
                if (tree.nodes[i].iommu_map) tree.map_id(NodeIndex{i}, static_cast<std::uint32_t>(rng.next()));
            }
            ++accepted;
        } catch (const InputError& error) {
            REQUIRE(error.findings().size() == 1);
            ++refusals;
        }
    }
    CHECK(accepted > 1000);
    CHECK(refusals > 1000);
}

TEST_CASE("device tree: iommu-addresses count for devices that list the region in memory-region", "[firmware]") {
    TreeBuilder tree;
    tree.cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.open("reserved-memory").cells("#address-cells", {2}).cells("#size-cells", {2}).flag("ranges");
    tree.open("fb@7e000000").cells("reg", {0, 0x7e000000, 0, 0x800000}).cells("phandle", {1});
    tree.cells("iommu-addresses", {8, 0, 0x1000, 0, 0x1000, 9, 0, 0x7e000000, 0, 0x800000}).close();
    tree.open("hole").cells("iommu-addresses", {9, 0, 0, 0, 0x10000000}).cells("phandle", {2}).close();
    tree.open("short").cells("iommu-addresses", {9, 0, 0}).cells("phandle", {3}).close();
    tree.open("unused").cells("iommu-addresses", {9, 0, 0, 0, 0x1000}).cells("phandle", {4}).close();
    tree.close();
    tree.open("other").cells("phandle", {8}).close();
    tree.open("display").cells("phandle", {9}).cells("memory-region", {1, 2, 3, 77}).close();
    const Description d = read_device_tree(tree.finish(), "test");
    REQUIRE(d.device_reservations.size() == 2);
    CHECK(d.node(*d.device_reservations[0].master).path == "/display");
    CHECK(d.device_reservations[0].base == 0x7e000000);
    CHECK(d.device_reservations[0].memory->size == 0x800000);
    CHECK(d.device_reservations[0].where == "/reserved-memory/fb@7e000000");
    CHECK(d.device_reservations[1].size == 0x10000000);
    CHECK_FALSE(d.device_reservations[1].memory);
    std::string said;
    for (const Oddity& oddity : d.oddities) said += oddity.path + ": " + oddity.what + "\n";
    CHECK(said.find("/reserved-memory/short: iommu-addresses: the row of /display takes 4 cells, 2 are left") !=
          std::string::npos);
    CHECK(said.find("/reserved-memory/unused: iommu-addresses: no device that it names") != std::string::npos);
    CHECK(said.find("/display: memory-region: no node has phandle 0x4d") != std::string::npos);
}

TEST_CASE("device tree: a row of iommu-addresses without a byte is kept, since Linux has a word on it", "[firmware]") {
    TreeBuilder tree;
    tree.cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.open("fb").cells("iommu-addresses", {9, 0, 0, 9, 0x1000, 0x2000}).cells("phandle", {1}).close();
    tree.open("display").cells("phandle", {9}).cells("memory-region", {1}).close();
    const Description d = read_device_tree(tree.finish(), "test");
    REQUIRE(d.device_reservations.size() == 2);
    CHECK(d.device_reservations[0].size == 0);
    CHECK(d.device_reservations[1].base == 0x1000);
    REQUIRE(d.oddities.size() == 1);
    CHECK(d.oddities[0].what.find("the row of /display has size 0") != std::string::npos);
}
