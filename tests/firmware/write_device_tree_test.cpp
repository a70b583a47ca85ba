#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "firmware/description.hpp"
#include "firmware/write_device_tree.hpp"
#include "tests/corpus.hpp"
#include "tests/firmware/tree_builder.hpp"

using namespace xlate;
using namespace xlate::firmware;
namespace fs = std::filesystem;

namespace {

std::vector<fs::path> trees(const fs::path& folder) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.path().extension() == ".dtb") found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
}

template <typename T>
std::string optional_text(const std::optional<T>& value) {
    return value ? std::to_string(static_cast<std::uint64_t>(*value)) : "-";
}

std::string words(const std::vector<std::uint32_t>& list) {
    std::string text;
    for (const std::uint32_t word : list) text += " " + std::to_string(word);
    return text;
}

/// Everything decoded of a node as one text; phandle numbers only as what they lead to.
std::string decoded(const Node& node) {
    std::string t = node.path + "\n" + optional_text(node.parent) + " available " + std::to_string(node.available) +
                    std::to_string(node.reachable) + " cells " + std::to_string(node.address_cells) +
                    std::to_string(node.size_cells) + " status " + node.status.value_or("-");
    for (const std::string& one : node.compatible) t += " '" + one + "'";
    for (const Reg& reg : node.regs) {
        t += "\nreg " + std::string(reg.name) + " " + std::to_string(reg.high) + " " + std::to_string(reg.address) +
             " " + std::to_string(reg.size) + " " + optional_text(reg.cpu_address);
    }
    for (const Interrupt& interrupt : node.interrupts) {
        t += "\ninterrupt " + interrupt.name + " " + optional_text(interrupt.controller) + words(interrupt.cells);
    }
    t += "\niommu " + optional_text(node.iommu_cells) + std::to_string(node.has_iommus);
    for (const IommuEntry& entry : node.iommus) {
        t += "\nentry " + optional_text(entry.provider) + words(entry.args) + std::string(name(entry.result));
    }
    if (node.iommu_map) {
        t += "\nmap mask " + optional_text(node.iommu_map->mask);
        for (const IommuMapRow& row : node.iommu_map->rows) {
            t += "\nrow " + optional_text(row.provider) + words({row.base, row.out, row.length});
        }
    }
    if (node.dma_ranges) {
        t += "\ndma-ranges " + std::to_string(static_cast<int>(node.dma_ranges->kind));
        for (const DmaWindow& window : node.dma_ranges->windows) {
            t += "\nwindow " + std::to_string(window.bus) + " " + std::to_string(window.cpu) + " " +
                 std::to_string(window.size) + " " + optional_text(window.pci_flags);
        }
    }
    t += "\ndma " + std::to_string(node.dma_coherent) + " " + optional_text(node.dma_parent) + " " +
         optional_text(node.dma_ranges_node) + " " + optional_text(node.bus_dma_ranges_node) +
         std::to_string(node.has_ranges);
    for (const LegacyMaster& master : node.mmu_masters)
        t += "\nlegacy " + optional_text(master.master) + words(master.stream_ids);
    return t;
}

std::string raw(const Node& node) {
    std::string t = node.path;
    for (const Property& property : node.properties) {
        t += "\n" + std::string(property.name) + "=" + std::string(property.bytes.begin(), property.bytes.end());
    }
    return t;
}

void check_same(const Description& a, const Description& b, bool with_raw) {
    REQUIRE(a.nodes.size() == b.nodes.size());
    for (std::size_t i = 0; i < a.nodes.size(); ++i) {
        CHECK(decoded(a.nodes[i]) == decoded(b.nodes[i]));
        if (with_raw) CHECK(raw(a.nodes[i]) == raw(b.nodes[i]));
    }
    REQUIRE(a.memory.size() == b.memory.size());
    for (std::size_t i = 0; i < a.memory.size(); ++i) {
        CHECK(a.memory[i].base == b.memory[i].base);
        CHECK(a.memory[i].size == b.memory[i].size);
    }
    CHECK(a.reservations.size() == b.reservations.size());
    CHECK(a.boot_cpuid == b.boot_cpuid);
}

}  // namespace

TEST_CASE("device tree: what is read is written and read again unchanged", "[firmware][corpus]") {
    if (tests::skip_without_corpus()) return;
    std::size_t count = 0;
    for (const char* folder : {"dtb", "linux-boot"}) {
        if (tests::skip_without(folder)) continue;
        for (const fs::path& path : trees(*tests::corpus() / folder)) {
            CAPTURE(path.string());
            const Description first = read_device_tree(read_file(path.string()), "first");
            const std::vector<std::uint8_t> blob = write_device_tree(first);
            check_same(first, read_device_tree(blob, "second"), true);
            CHECK(write_device_tree(read_device_tree(blob, "second")) == blob);
            ++count;
        }
    }
    tests::went_over(count, "device tree");
}

TEST_CASE("device tree: decoded fields alone are enough to write a tree", "[firmware][corpus]") {
    if (tests::skip_without("dtb")) return;
    const std::set<std::string> encoded{"compatible",
                                        "status",
                                        "#address-cells",
                                        "#size-cells",
                                        "reg",
                                        "reg-names",
                                        "interrupts",
                                        "interrupts-extended",
                                        "interrupt-names",
                                        "#iommu-cells",
                                        "iommus",
                                        "iommu-map",
                                        "iommu-map-mask",
                                        "dma-ranges",
                                        "dma-coherent",
                                        "dma-noncoherent",
                                        "mmu-masters",
                                        "phandle",
                                        "linux,phandle"};
    std::size_t count = 0;
    for (const fs::path& path : trees(*tests::corpus() / "dtb")) {
        CAPTURE(path.string());
        const Description original = read_device_tree(read_file(path.string()), "original");
        // A list of interrupts that is cut short has no extended form.
        if (std::any_of(original.oddities.begin(), original.oddities.end(), [](const Oddity& oddity) {
                return oddity.what.find("interrupt") != std::string::npos || oddity.what.find("reg:") == 0;
            })) {
            continue;
        }
        Description bare = original;
        std::vector<std::vector<Property>> kept(bare.nodes.size());
        for (std::size_t i = 0; i < bare.nodes.size(); ++i) {
            Node& node = bare.nodes[i];
            for (const Property& one : node.properties) {
                const bool decoded = encoded.count(std::string(one.name)) != 0;
                if (!decoded || (one.name == "reg" && node.regs.empty())) kept[i].push_back(one);
            }
            node.properties = kept[i];
        }
        check_same(original, read_device_tree(write_device_tree(bare), "again"), false);
        ++count;
    }
    tests::went_over(count, "board");
}

TEST_CASE("device tree: a generated board is written with phandles and memory of its own", "[firmware]") {
    Description board;
    board.source = "board.yaml";
    board.nodes.resize(4);
    board.nodes[0].path = "/";
    board.nodes[0].children = {NodeIndex{1}, NodeIndex{2}, NodeIndex{3}};
    const char* names[] = {"", "smmu@9050000", "dma@1000", "pcie@10000000"};
    for (std::size_t i = 1; i < 4; ++i) {
        board.nodes[i].name = names[i];
        board.nodes[i].parent = NodeIndex{0};
    }
    board.nodes[0].size_cells = 2;
    board.nodes[1].compatible = {"arm,smmu-v3"};
    board.nodes[1].regs.push_back({0x9050000, 0x20000, {}, "", 0});
    board.nodes[1].iommu_cells = 1;
    board.nodes[1].dma_coherent = true;
    board.nodes[2].compatible = {"test,dma"};
    board.nodes[2].has_iommus = true;
    board.nodes[2].iommus.push_back({0, NodeIndex{1}, {7}, EntryResult::ok});
    board.nodes[3].iommu_map = IommuMap{{{0, 0, NodeIndex{1}, 0x100, 0x10000}}, std::nullopt, false};
    board.memory = {{0x40000000, 0x40000000}, {0x8'0000'0000, 0x1'0000'0000}};

    const Description read = read_device_tree(write_device_tree(board), "generated");
    REQUIRE(read.nodes.size() == 6);
    CHECK(read.nodes[1].path == "/smmu@9050000");
    CHECK(read.nodes[1].phandle == 1);
    CHECK(read.nodes[1].regs.at(0).cpu_address == 0x9050000);
    CHECK(read.nodes[1].dma_coherent);
    CHECK_FALSE(read.nodes[2].dma_coherent);
    CHECK(read.nodes[2].iommus.at(0).provider == NodeIndex{1});
    CHECK(read.map_id(NodeIndex{3}, 8).id == 0x108);
    CHECK(read.nodes[5].path == "/memory@800000000");
    REQUIRE(read.memory.size() == 2);
    CHECK(read.memory[1].base == 0x8'0000'0000);
    CHECK(read.oddities.empty());
}

TEST_CASE("device tree: a value that its cells can't hold is refused by name", "[firmware]") {
    Description board;
    board.source = "board.yaml";
    board.nodes.resize(2);
    board.nodes[0].path = "/";
    board.nodes[0].address_cells = 1;
    board.nodes[0].children = {NodeIndex{1}};
    board.nodes[1].path = "/dma@100000000";
    board.nodes[1].name = "dma@100000000";
    board.nodes[1].parent = NodeIndex{0};
    board.nodes[1].regs.push_back({0x1'0000'0000, 0x1000, {}, "", 0});
    CHECK_THROWS_WITH(write_device_tree(board),
                      "board.yaml: /dma@100000000: reg: 0x100000000 does not fit the cells of its bus");
}

TEST_CASE("device tree: a large tree is written in one go", "[firmware]") {
    tests::TreeBuilder builder(8U << 20);
    for (std::uint32_t i = 0; i < 20'000; ++i) builder.open("n" + std::to_string(i)).cells("reg", {i, i, i}).close();
    const Description tree = read_device_tree(builder.finish(), "large");
    CHECK(read_device_tree(write_device_tree(tree), "again").nodes.size() == 20'001);
}
