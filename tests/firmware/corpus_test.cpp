// Every tree of the corpus against what an independent reader found in it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "firmware/description.hpp"
#include "tests/corpus.hpp"

using namespace xlate;
using namespace xlate::firmware;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

json load(const fs::path& path) {
    std::ifstream stream(path);
    REQUIRE(stream);
    return json::parse(stream);
}

Description read(const fs::path& path) { return read_device_tree(read_file(path.string()), path.filename().string()); }

std::vector<fs::path> files(const fs::path& folder, const std::string& ending) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (name.size() >= ending.size() && name.compare(name.size() - ending.size(), ending.size(), ending) == 0) {
            found.push_back(entry.path());
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::uint64_t hex(const json& text) {
    std::string digits = text.get<std::string>();
    // A three-cell PCI address has 96 bits: its low 64.
    if (digits.size() > 18) digits = "0x" + digits.substr(digits.size() - 16);
    return std::stoull(digits, nullptr, 16);
}

json path_or_null(const Description& tree, std::optional<NodeIndex> at) {
    return at ? json(tree.node(*at).path) : json(nullptr);
}

const Node& node_at(const Description& tree, const json& path) {
    const std::optional<NodeIndex> found = tree.find_path(path.get<std::string>());
    REQUIRE(found);
    return tree.node(*found);
}

void check_regs(const Node& node, const json& want) {
    REQUIRE(node.regs.size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
        CHECK(node.regs[i].address == hex(want[i].at("addr")));
        CHECK(node.regs[i].size == hex(want[i].at("size")));
    }
}

void check_availability(const Node& node, const json& want) {
    CHECK(json(node.compatible) == want.at("compatible"));
    CHECK((node.status ? json(*node.status) : json(nullptr)) == want.at("status"));
    CHECK(node.available == want.at("available").get<bool>());
    CHECK(node.reachable == want.at("reachable").get<bool>());
}

void check_providers(const Description& tree, const json& want) {
    std::vector<std::string> paths;
    for (const NodeIndex at : tree.providers()) paths.push_back(tree.node(at).path);
    std::vector<std::string> wanted;
    for (const json& provider : want) wanted.push_back(provider.at("path"));
    CHECK(paths == wanted);
    for (const json& provider : want) {
        const Node& node = node_at(tree, provider.at("path"));
        CAPTURE(node.path);
        check_availability(node, provider);
        CHECK((node.phandle != 0 ? json(node.phandle) : json(nullptr)) == provider.at("phandle"));
        CHECK(node.iommu_cells == provider.at("iommu_cells").get<std::uint32_t>());
        check_regs(node, provider.at("reg"));
        if (!provider.at("reg").empty()) {
            const json& cpu = provider.at("cpu_address");
            CHECK(node.regs[0].cpu_address.has_value() == !cpu.is_null());
            if (!cpu.is_null()) CHECK(node.regs[0].cpu_address == hex(cpu));
        }
        CHECK(node.dma_coherent == provider.at("dma_coherent").get<bool>());
        std::size_t cells = 0;  // as they stand, with the phandles of the extended form
        for (const Interrupt& interrupt : node.interrupts) {
            cells += interrupt.cells.size() + (node.has("interrupts-extended") ? 1 : 0);
            CHECK(interrupt.controller);
        }
        CHECK(cells == provider.at("interrupt_cells_total").get<std::size_t>());
        std::size_t references = 0;
        for (const Node& other : tree.nodes) {
            for (const IommuEntry& entry : other.iommus) {
                references +=
                    entry.provider && entry.result != EntryResult::truncated && &tree.node(*entry.provider) == &node;
            }
            if (!other.iommu_map) continue;
            for (const IommuMapRow& row : other.iommu_map->rows) {
                references += row.provider && &tree.node(*row.provider) == &node;
            }
        }
        CHECK(references == provider.at("references").get<std::size_t>());
    }
}

void check_consumers(const Description& tree, const json& want) {
    const auto count = std::count_if(tree.nodes.begin(), tree.nodes.end(), [](const Node& n) { return n.has_iommus; });
    CHECK(static_cast<std::size_t>(count) == want.size());
    for (const json& consumer : want) {
        const NodeIndex at = tree.find_path(consumer.at("path").get<std::string>()).value();
        const Node& node = tree.node(at);
        CAPTURE(node.path);
        check_availability(node, consumer);
        json entries = json::array();
        for (const IommuEntry& entry : node.iommus) {
            json one = {{"phandle", entry.phandle}, {"result", name(entry.result)}};
            if (entry.provider) one["provider"] = tree.node(*entry.provider).path;
            if (entry.provider) one["args"] = entry.args;
            entries.push_back(one);
        }
        json wanted = consumer.at("iommus");
        for (json& entry : wanted) entry.erase("smr");
        CHECK(entries == wanted);
        CHECK(node.dma_coherent == consumer.at("dma_coherent").get<bool>());
        CHECK(path_or_null(tree, node.dma_parent) == consumer.at("dma_parent"));
        CHECK(path_or_null(tree, node.dma_ranges_node) == consumer.at("dma_ranges_node"));
        const Description::Effective effective = tree.effective_iommus(at);
        CHECK((effective.translated ? "translated" : "no-iommu") == consumer.at("expect").get<std::string>());
        CHECK((effective.stop ? json(name(*effective.stop)) : json(nullptr)) == consumer.at("expect_stop"));
        json pairs = json::array();
        for (const IommuEntry* entry : effective.entries) {
            pairs.push_back({{"provider", tree.node(*entry->provider).path}, {"args", entry->args}});
        }
        CHECK(pairs == consumer.at("effective"));
    }
}

std::size_t check_maps(const Description& tree, const json& want) {
    std::size_t lookups = 0;
    const auto count =
        std::count_if(tree.nodes.begin(), tree.nodes.end(), [](const Node& n) { return n.iommu_map.has_value(); });
    CHECK(static_cast<std::size_t>(count) == want.size());
    for (const json& map : want) {
        const NodeIndex at = tree.find_path(map.at("path").get<std::string>()).value();
        const Node& node = tree.node(at);
        CAPTURE(node.path);
        check_availability(node, map);
        const IommuMap& found = node.iommu_map.value();
        CHECK(found.malformed == (map.at("result") == "bad-length"));
        CHECK(found.mask.has_value() == !map.at("mask").is_null());
        if (!map.at("mask").is_null()) CHECK(found.mask == hex(map.at("mask")));
        REQUIRE(found.rows.size() == map.at("entries").size());
        for (std::size_t i = 0; i < found.rows.size(); ++i) {
            const json& row = map.at("entries")[i];
            CHECK(found.rows[i].base == hex(row.at("base")));
            CHECK(found.rows[i].phandle == row.at("phandle").get<std::uint32_t>());
            CHECK(path_or_null(tree, found.rows[i].provider) == row.at("provider"));
            CHECK(found.rows[i].out == hex(row.at("out")));
            CHECK(found.rows[i].length == hex(row.at("length")));
        }
        for (const json& lookup : map.at("lookups")) {
            CAPTURE(lookup.dump());
            ++lookups;
            const MapLookup answer = tree.map_id(at, static_cast<std::uint32_t>(hex(lookup.at("rid"))));
            CHECK(name(answer.result) == lookup.at("result").get<std::string>());
            if (lookup.contains("provider")) CHECK(path_or_null(tree, answer.provider) == lookup.at("provider"));
            if (lookup.contains("id")) CHECK(answer.id == hex(lookup.at("id")));
        }
        CHECK(node.dma_coherent == map.at("dma_coherent").get<bool>());
        CHECK(path_or_null(tree, node.bus_dma_ranges_node) == map.at("dma_ranges_node"));
    }
    return lookups;
}

void check_dma_ranges(const Description& tree, const json& want) {
    const auto count =
        std::count_if(tree.nodes.begin(), tree.nodes.end(), [](const Node& n) { return n.dma_ranges.has_value(); });
    CHECK(static_cast<std::size_t>(count) == want.size());
    for (const json& ranges : want) {
        const Node& node = node_at(tree, ranges.at("path"));
        CAPTURE(node.path);
        const DmaRanges& found = node.dma_ranges.value();
        const std::string kind = ranges.at("kind");
        CHECK(found.kind == (kind == "empty"  ? DmaRanges::Kind::empty
                             : kind == "list" ? DmaRanges::Kind::list
                                              : DmaRanges::Kind::bad_length));
        const json windows = ranges.value("entries", json::array());
        REQUIRE(found.windows.size() == windows.size());
        for (std::size_t i = 0; i < windows.size(); ++i) {
            CHECK(found.windows[i].bus == hex(windows[i].at("child")));
            CHECK(found.windows[i].cpu == hex(windows[i].at("parent")));
            CHECK(found.windows[i].size == hex(windows[i].at("size")));
            CHECK(found.windows[i].pci_flags.has_value() == windows[i].contains("pci_flags"));
            if (windows[i].contains("pci_flags")) CHECK(found.windows[i].pci_flags == hex(windows[i].at("pci_flags")));
        }
    }
}

void check_masters(const Description& tree, const json& want) {
    for (const json& smmu : want) {
        const Node& node = node_at(tree, smmu.at("path"));
        json entries = json::array();
        for (const LegacyMaster& master : node.mmu_masters) {
            entries.push_back({{"phandle", master.phandle},
                               {"provider", path_or_null(tree, master.master)},
                               {"args", master.stream_ids},
                               {"result", "ok"}});
        }
        CHECK(entries == smmu.at("entries"));
    }
}

void check_whole(const Description& tree, const json& want) {
    CHECK(tree.nodes.size() == want.at("fdt").at("nodes").get<std::size_t>());
    std::size_t properties = 0;
    for (const Node& node : tree.nodes) properties += node.properties.size();
    CHECK(properties == want.at("fdt").at("properties").get<std::size_t>());
    CHECK(tree.boot_cpuid == want.at("fdt").at("boot_cpuid").get<std::uint32_t>());
    CHECK(tree.reservations.size() == want.at("fdt").at("memreserve").size());
    CHECK(tree.nodes[0].address_cells == want.at("root_cells").at("address").get<std::uint32_t>());
    CHECK(tree.nodes[0].size_cells == want.at("root_cells").at("size").get<std::uint32_t>());
    std::size_t banks = 0;
    for (const json& memory : want.at("memory")) {
        check_regs(node_at(tree, memory.at("path")), memory.at("reg"));
        for (const json& reg : memory.at("reg")) {
            if (hex(reg.at("size")) == 0) continue;  // a placeholder for the boot loader
            REQUIRE(banks < tree.memory.size());
            CHECK(tree.memory[banks].base == hex(reg.at("addr")));
            CHECK(tree.memory[banks].size == hex(reg.at("size")));
            ++banks;
        }
    }
    CHECK(banks == tree.memory.size());
}

std::size_t check_facts(const Description& tree, const json& want) {
    check_whole(tree, want);
    check_providers(tree, want.at("providers"));
    check_consumers(tree, want.at("consumers"));
    check_dma_ranges(tree, want.at("dma_ranges"));
    check_masters(tree, want.at("mmu_masters"));
    return check_maps(tree, want.at("iommu_maps"));
}

bool odd_at(const Description& tree, const std::string& path, const std::string& text) {
    return std::any_of(tree.oddities.begin(), tree.oddities.end(), [&](const Oddity& oddity) {
        return oddity.path == path && oddity.what.find(text) != std::string::npos;
    });
}

/// The id that Linux's driver makes of an entry: SMMUv3 takes the cell as it is, arm-smmu packs mask and 16-bit id.
std::uint32_t fwspec_id(const Description& tree, const IommuEntry& entry) {
    const Node& provider = tree.node(*entry.provider);
    if (provider.is_compatible("arm,smmu-v3")) return entry.args.at(0);
    const std::uint32_t mask = entry.args.size() > 1 ? entry.args[1] : provider.u32("stream-match-mask").value_or(0);
    return (mask << 16) | (entry.args.at(0) & 0xffff);
}

fs::path tree_of(const fs::path& expected) {
    std::string name = expected.filename().string();
    name.replace(name.find(".expected.json"), std::string::npos, ".dtb");
    return expected.parent_path() / name;
}

}  // namespace

TEST_CASE("device tree: every real board reads as an independent reader reads it", "[firmware][corpus]") {
    if (tests::skip_without("dtb")) return;
    std::size_t lookups = 0;
    const std::vector<fs::path> expected = files(*tests::corpus() / "dtb", ".expected.json");
    for (const fs::path& path : expected) {
        CAPTURE(path.filename().string());
        lookups += check_facts(read(tree_of(path)), load(path));
    }
    tests::went_over(lookups, "board with expected facts");
}

TEST_CASE("device tree: the odd cases of real boards are named as oddities", "[firmware][corpus]") {
    if (tests::skip_without("dtb")) return;
    const std::vector<std::pair<std::string, std::string>> kinds{
        {"iommu-map does not start at 0", "gaps: ids 0x0-"},
        {"iommu-map with gaps", "gaps: ids"},
        {"iommu-map entry of length 0", "has length 0"},
        {"iommu-map-mask drops RID bits (aliasing)", "folds ids together"},
        {"iommu-map to a provider with #iommu-cells = 2", "rows of four cells for an IOMMU that takes 2"},
        {"iommu-map to a disabled provider, host enabled", "is disabled"},
        {"iommu-map to several providers", "rows name several IOMMUs"},
        {"provider disabled, consumer enabled", "is disabled: the device runs untranslated"},
        {"iommus entries to several providers", "entries name several IOMMUs"},
        {"duplicate entries in one iommus list", "more than once"},
        {"iommus entry truncated", "left; the list ends here"},
        {"consumer node without compatible", "no compatible"},
        {"node with both iommus and iommu-map", "both iommus and iommu-map"},
        {"provider without reg", "IOMMU without reg"},
        {"legacy mmu-masters", "legacy binding"},
    };
    std::vector<bool> seen(kinds.size());
    for (const fs::path& path : files(*tests::corpus() / "dtb", ".expected.json")) {
        const json want = load(path);
        const Description tree = read(tree_of(path));
        for (std::size_t i = 0; i < kinds.size(); ++i) {
            for (const json& at : want.at("odd_cases").value(kinds[i].first, json::array())) {
                CAPTURE(path.filename().string(), kinds[i].first, at.dump());
                CHECK(odd_at(tree, at, kinds[i].second));
                seen[i] = true;
            }
        }
    }
    for (std::size_t i = 0; i < kinds.size(); ++i)
        if (!seen[i]) WARN("skipped: no board of the corpus has: " << kinds[i].first);
    tests::went_over(static_cast<std::size_t>(std::count(seen.begin(), seen.end(), true)), "odd case");
}

TEST_CASE("device tree: malformed trees are refused or accepted as they should", "[firmware][corpus]") {
    if (tests::skip_without("broken/broken.json")) return;
    const fs::path folder = *tests::corpus() / "broken";
    std::size_t checked = 0;
    const json listed = load(folder / "broken.json");
    for (const json& file : listed.at("files")) {
        const std::string name = file.at("file");
        if (name.find(".dtb") == std::string::npos) continue;
        CAPTURE(name, file.at("what_is_wrong").dump());
        ++checked;
        if (file.at("blob") == "reject") {
            try {
                read(folder / name);
                FAIL("accepted");
            } catch (const InputError& error) {
                CHECK(error.status() == ExitStatus::bad_firmware);
                REQUIRE(error.findings().size() == 1);
                CHECK(error.findings()[0].where.offset);
                CHECK(std::string(error.what()).find(name + "+0x") == 0);
            }
        } else {
            check_facts(read(folder / name), load(folder / file.at("facts").get<std::string>()));
        }
    }
    tests::went_over(checked, "malformed device tree");
}

TEST_CASE("device tree: what is wrong with a malformed tree is named at its node", "[firmware][corpus]") {
    if (tests::skip_without("broken")) return;
    const fs::path folder = *tests::corpus() / "broken";
    const auto named = [&](const char* file, const char* path, const char* what) {
        if (!tests::skip_without(std::string("broken/") + file)) CHECK(odd_at(read(folder / file), path, what));
    };
    named("dtb-dangling-phandle.dtb", "/smb/sata@e0300000", "no node has phandle 0x7fffffff");
    named("dtb-iommu-cells-mismatch.dtb", "/smb/sata@e0300000", "takes 7 cells, 2 are left");
    named("dtb-iommu-map-short.dtb", "/pci@40000000", "12 bytes are not a whole number of rows");
    named("dtb-duplicate-phandle.dtb", "/smb/iommu@e0c00000", "phandle 0x3 is also that of /smb/iommu@e0200000");
    if (tests::skip_without("broken/dtb-iommu-map-short.dtb")) return;
    const Description short_map = read(folder / "dtb-iommu-map-short.dtb");
    CHECK(short_map.map_id(short_map.find_path("/pci@40000000").value(), 8).result == MapResult::error_malformed);
}

TEST_CASE("device tree: the trees that Linux booted with give the stream ids that Linux took", "[firmware][corpus]") {
    if (tests::skip_without("linux-boot")) return;
    std::size_t checked = 0;
    for (const fs::path& path : files(*tests::corpus() / "linux-boot", "board.dtb")) {
        CAPTURE(path.string());
        const Description tree = read(path);
        const json truth = load(path.parent_path() / "truth.json");
        for (const json& device : truth.at("devices")) {
            if (!device.at("stream_ids").is_array() || !device.value("of_node", json()).is_string()) continue;
            const std::optional<NodeIndex> at = tree.find_path(device.at("of_node").get<std::string>());
            if (!at || !tree.node(*at).has_iommus) continue;
            CAPTURE(device.at("name").dump());
            std::vector<std::uint32_t> ids;
            const Description::Effective effective = tree.effective_iommus(*at);
            for (const IommuEntry* entry : effective.entries) ids.push_back(fwspec_id(tree, *entry));
            if (effective.stop == EntryResult::provider_disabled) {  // Linux took the ids before it, and dropped them
                CHECK(device.at("group").is_null());
                continue;
            }
            std::vector<std::uint32_t> taken;
            for (const json& id : device.at("stream_ids")) taken.push_back(static_cast<std::uint32_t>(hex(id)));
            CHECK(ids == taken);
            ++checked;
        }
    }
    tests::went_over(checked, "device with ids");
}
