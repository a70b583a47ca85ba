#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/random.hpp"
#include "firmware/acpi/describe.hpp"
#include "firmware/acpi/table_writer.hpp"
#include "firmware/description.hpp"
#include "study/inspect/firmware_facts.hpp"
#include "study/inspect/inspect.hpp"
#include "study/inspect/inspect_groups.hpp"
#include "study/run/firmware_input.hpp"
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

std::vector<fs::path> trees(const fs::path& folder) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.path().extension() == ".dtb") found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
}

/// A description by hand: node 0 is the root; `add` returns the index of the new node.
struct Tree {
    Description tree;
    Tree() {
        tree.source = "hand";
        tree.nodes.emplace_back();
        tree.nodes[0].path = "/";
    }
    NodeIndex add(const std::string& name, const std::string& compatible) {
        const NodeIndex at{static_cast<std::uint32_t>(tree.nodes.size())};
        Node node;
        node.name = name;
        node.path = "/" + name;
        node.parent = NodeIndex{0};
        node.compatible = {compatible};
        tree.nodes.push_back(node);
        return at;
    }
    NodeIndex iommu(const std::string& name, const std::string& compatible, std::uint32_t cells) {
        const NodeIndex at = add(name, compatible);
        tree.nodes[index(at)].iommu_cells = cells;
        tree.nodes[index(at)].phandle = static_cast<std::uint32_t>(index(at));
        return at;
    }
    NodeIndex master(const std::string& name, NodeIndex iommu, const std::vector<std::vector<std::uint32_t>>& ids) {
        const NodeIndex at = add(name, "test,master");
        Node& node = tree.nodes[index(at)];
        node.has_iommus = true;
        for (const std::vector<std::uint32_t>& args : ids) {
            node.iommus.push_back({static_cast<std::uint32_t>(index(iommu)), iommu, args, EntryResult::ok});
        }
        return at;
    }
    /// "a b | c" for the groups, "!d" for a refusal, in the order of expected_groups.
    std::string groups() const {
        std::string text;
        const study::ExpectedGroups expected = study::expected_groups(tree);
        for (const study::ExpectedGroup& group : expected.groups) {
            if (!text.empty()) text += " | ";
            for (std::size_t i = 0; i < group.members.size(); ++i) {
                text += (i == 0 ? "" : " ") + tree.node(group.members[i]).name;
            }
        }
        for (const study::Refusal& refusal : expected.refusals) text += " !" + tree.node(refusal.master).name;
        return text;
    }
};

}  // namespace

TEST_CASE("inspect: SMMUv3 gives each device a group and refuses an id that is taken", "[study][inspect]") {
    Tree t;
    const NodeIndex smmu = t.iommu("smmu", "arm,smmu-v3", 1);
    t.master("a", smmu, {{1}});
    t.master("b", smmu, {{2}, {2}, {3}});
    t.master("c", smmu, {{4}, {1}});
    t.master("d", smmu, {{0x10001}});
    CHECK(t.groups() == "a | b | d !c");
}

TEST_CASE("inspect: SMMUv2 shares a group where ids match alike and refuses a partial overlap", "[study][inspect]") {
    Tree t;
    const NodeIndex smmu = t.iommu("smmu", "arm,mmu-500", 2);
    t.master("a", smmu, {{0x400, 0x1f}});
    t.master("b", smmu, {{0x410, 0}});
    t.master("c", smmu, {{0x800, 0}});
    t.master("d", smmu, {{0x410, 0x3f}});
    CHECK(t.groups() == "a b | c !d");
}

TEST_CASE("inspect: what an SMMU's driver refuses by its size is in no group", "[study][inspect]") {
    Tree t;
    const NodeIndex smmu = t.iommu("smmu", "arm,mmu-500", 2);
    t.tree.nodes[index(smmu)].interrupts.resize(2);  // no global ones: two context banks
    t.master("wide", smmu, {{0x19c3, 0x8000}});
    t.master("a", smmu, {{0x10, 0x3}});
    t.master("b", smmu, {{0x20, 0}});
    t.master("shares", smmu, {{0x12, 0}});
    t.master("c", smmu, {{0x30, 0}});
    const NodeIndex v3 = t.iommu("v3", "arm,smmu-v3", 1);
    t.master("far", v3, {{0x4000000}});
    CHECK(t.groups() == "a shares | b !wide !c !far");
    const study::ExpectedGroups expected = study::expected_groups(t.tree);
    CHECK(expected.refusals[1].why == "/smmu has interrupts for 2 context banks, and other groups have them (-28)");
}

TEST_CASE("inspect: the rows of a host1x are contexts, not functions", "[study][inspect]") {
    Tree t;
    const NodeIndex smmu = t.iommu("smmu", "arm,smmu-v3", 1);
    const NodeIndex host = t.add("host1x@13e00000", "nvidia,tegra194-host1x");
    IommuMap map;
    map.rows.push_back({0, 1, smmu, 0x38, 1});
    t.tree.nodes[index(host)].iommu_map = map;
    const std::string text = study::inspect_text(t.tree);
    CHECK(text.find("context devices of /host1x@13e00000: one a row of its map, each with a group; not modelled") !=
          std::string::npos);
    CHECK(text.find("functions behind") == std::string::npos);
}

TEST_CASE("inspect: groups of many ids and masks are those that comparing each with each gives", "[study][inspect]") {
    struct Taken {
        std::uint32_t id, mask;
        std::size_t group;
    };
    Rng rng(7, "inspect groups");
    for (int round = 0; round < 300; ++round) {
        Tree t;
        const NodeIndex smmu = t.iommu("smmu", "arm,mmu-500", 2);
        std::vector<Taken> taken;
        std::vector<std::string> groups;
        std::string refused;
        for (int m = 0; m < 12; ++m) {
            const std::string name = "m" + std::to_string(m);
            std::vector<std::vector<std::uint32_t>> ids(1 + rng.below(2));
            for (auto& id : ids) {
                const std::uint32_t mask = rng.chance(1, 3) ? static_cast<std::uint32_t>(rng.below(4)) : 0;
                id = {static_cast<std::uint32_t>(rng.below(24)), mask};
            }
            t.master(name, smmu, ids);
            // Linux: an id must match no other's stream match register, or be covered by one of its own group.
            std::size_t group = groups.size();
            bool clash = false;
            for (const auto& id : ids) {
                for (const Taken& other : taken) {
                    if (((id[0] ^ other.id) & ~(id[1] | other.mask)) != 0) continue;
                    const bool covered = (id[1] & ~other.mask) == 0 && ((id[0] ^ other.id) & ~other.mask) == 0;
                    if (!covered || (group != groups.size() && group != other.group)) clash = true;
                    if (clash) break;
                    group = other.group;
                }
                if (clash) break;
            }
            if (clash) {
                refused += " !" + name;
                continue;
            }
            if (group == groups.size()) {
                groups.push_back(name);
            } else {
                groups[group] += " " + name;
            }
            for (const auto& id : ids) taken.push_back({id[0], id[1], group});
        }
        std::string all;
        for (const std::string& one : groups) all += (all.empty() ? "" : " | ") + one;
        CHECK(t.groups() == all + refused);
    }
}

TEST_CASE("inspect: an IOMMU without ids puts all its devices into one group, with several the last one counts",
          "[study][inspect]") {
    Tree t;
    const NodeIndex one = t.iommu("one", "rockchip,iommu", 0);
    const NodeIndex two = t.iommu("two", "rockchip,rk3568-iommu", 0);
    t.master("a", one, {{}});
    t.master("b", one, {{}});
    const NodeIndex c = t.master("c", one, {{}});
    t.tree.nodes[index(c)].iommus.push_back({static_cast<std::uint32_t>(index(two)), two, {}, EntryResult::ok});
    t.master("d", two, {{}});
    CHECK(t.groups() == "a b | c d");
}

TEST_CASE("inspect: what is not there, or not translated, is in no group", "[study][inspect]") {
    Tree t;
    const NodeIndex smmu = t.iommu("smmu", "arm,smmu-v3", 1);
    const NodeIndex off = t.master("off", smmu, {{1}});
    t.tree.nodes[index(off)].reachable = false;
    const NodeIndex disabled = t.master("disabled", smmu, {{2}});
    t.tree.nodes[index(disabled)].iommus[0].result = EntryResult::provider_disabled;
    CHECK(t.groups().empty());
}

TEST_CASE("inspect: consumers below a remote processor come when it has booted, and that is said", "[study][inspect]") {
    Tree t;
    const NodeIndex smmu = t.iommu("smmu", "arm,smmu-v3", 1);
    const NodeIndex channel = t.add("glink-edge", "");
    const NodeIndex bank = t.master("compute-cb@1", smmu, {{1}});
    t.tree.nodes[index(bank)].has_iommus = true;
    t.tree.nodes[0].children = {channel};
    const auto said = [&] {
        const std::vector<std::string> all = study::firmware_warnings(t.tree, {});
        return std::count_if(all.begin(), all.end(), [](const std::string& one) {
            return one.rfind("/glink-edge: Linux makes devices of what is below it when the remote processor", 0) == 0;
        });
    };
    CHECK(said() == 0);  // nothing is below it
    t.tree.nodes[index(channel)].children = {bank};
    CHECK(said() == 1);
}

TEST_CASE("inspect: what becomes of reserved memory is said of all releases, or of the one that was asked for",
          "[study][inspect]") {
    Tree t;
    const NodeIndex smmu = t.iommu("smmu", "arm,smmu-v3", 1);
    DeviceReservation one;
    one.base = 0x9000;
    one.size = 0x1000;
    one.memory = MemoryRange{0x9000, 0x1000};
    one.where = "here";
    one.master = t.master("display", smmu, {{1}});
    DeviceReservation of_id = one;  // by an IORT
    of_id.master.reset();
    of_id.provider = smmu;
    of_id.first_id = of_id.last_id = 8;
    of_id.relaxable = true;
    DeviceReservation empty = one;
    empty.size = 0;
    t.tree.device_reservations = {one, of_id, empty};
    const auto said = [&](std::optional<unsigned> release) {
        std::vector<std::string> all;
        for (const study::FirmwareFact& fact : study::reservation_facts(t.tree, release)) all.push_back(fact.what);
        return all;
    };
    const std::string from = "0x9000-0x9fff: memory since firmware, ";
    const std::string relaxable = "id 0x8: " + from +
                                  "mapped one to one in the domain that Linux gives it; may be dropped when a guest or "
                                  "a user's program gets the device (here)";
    CHECK(said({}) ==
          std::vector<std::string>{from + "mapped one to one from Linux 6.3 on (before, it does not read it) (here)",
                                   relaxable});
    CHECK(said(612) == std::vector<std::string>{from + "mapped one to one (here)", relaxable});
    CHECK(said(601) == std::vector<std::string>{
                           from + "ignored by this kernel, which does not read it (from 6.3 on) (here)", relaxable});
    const auto warned = [&](std::optional<unsigned> release) {
        return study::firmware_warnings(t.tree, {}, release).size();
    };
    CHECK(warned({}) == 0);
    CHECK(warned(601) == 1);  // not read
    CHECK(warned(607) == 1);  // size 0
    CHECK(warned(612) == 0);
}

TEST_CASE("inspect: groups of platform devices are those that Linux made", "[study][inspect][corpus]") {
    if (tests::skip_without_corpus()) return;
    std::size_t compared = 0;
    for (const fs::path& folder : tests::cases_with({"linux-boot"}, "board.dtb")) {
        CAPTURE(folder.filename().string());
        const Description tree = read(folder / "board.dtb");
        std::map<int, std::set<std::string>> taken;
        const json truth = load(folder / "truth.json");
        for (const json& device : truth.at("devices")) {
            if (device.at("group").is_null() || !device.value("of_node", json()).is_string()) continue;
            const std::optional<NodeIndex> at = tree.find_path(device.at("of_node").get<std::string>());
            if (at && tree.node(*at).has_iommus) taken[device.at("group").get<int>()].insert(tree.node(*at).path);
        }
        std::set<std::set<std::string>> partition;
        for (const auto& [id, members] : taken) partition.insert(members);
        // How many ids and contexts an SMMU has is in its registers, not in the firmware: such failures are left out.
        std::set<std::string> failed;
        for (const json& failure : truth.at("iommu_probe_failures")) {
            for (const json& device : truth.at("devices")) {
                if (device.at("name") == failure.at("device") && device.value("of_node", json()).is_string())
                    failed.insert(device.at("of_node").get<std::string>());
            }
        }
        const study::ExpectedGroups groups = study::expected_groups(tree);
        std::set<std::set<std::string>> expected;
        for (const study::ExpectedGroup& group : groups.groups) {
            std::set<std::string> members;
            for (const NodeIndex member : group.members) {
                if (failed.count(tree.node(member).path) == 0) members.insert(tree.node(member).path);
            }
            if (!members.empty()) expected.insert(members);
        }
        for (const study::Refusal& refusal : groups.refusals) {
            if (refusal.why.find("is taken by") != std::string::npos)
                CHECK(failed.count(tree.node(refusal.master).path) == 1);
        }
        CHECK(expected == partition);
        compared += partition.size();
    }
    tests::went_over(compared, "group of platform devices");
}

TEST_CASE("inspect: the JSON holds every reference of every real board, in firmware order",
          "[study][inspect][corpus]") {
    if (tests::skip_without("dtb")) return;
    for (const fs::path& path : trees(*tests::corpus() / "dtb")) {
        CAPTURE(path.filename().string());
        fs::path facts = path;
        facts.replace_extension(".expected.json");
        if (!fs::exists(facts)) continue;
        const json want = load(facts);
        const json have = json::parse(study::inspect_json(read(path)));
        CHECK(have.at("schema") == "xlate.inspect/1");

        REQUIRE(have.at("iommus").size() == want.at("providers").size());
        for (std::size_t i = 0; i < want.at("providers").size(); ++i) {
            const json& iommu = have.at("iommus")[i];
            const json& provider = want.at("providers")[i];
            CHECK(iommu.at("path") == provider.at("path"));
            CHECK(iommu.at("compatible") == provider.at("compatible"));
            CHECK(iommu.at("cells") == provider.at("iommu_cells"));
            CHECK(iommu.at("status") == (provider.at("status").is_null() ? json("okay") : provider.at("status")));
            CAPTURE(provider.at("compatible").dump());
            CHECK(iommu.at("arch") != "unknown");
        }
        std::size_t at = 0;
        for (const json& consumer : want.at("consumers")) {
            for (const json& entry : consumer.at("iommus")) {
                REQUIRE(at < have.at("masters").size());
                const json& master = have.at("masters")[at++];
                CHECK(master.at("path") == consumer.at("path"));
                CHECK(master.at("iommu") == (entry.contains("provider") ? entry.at("provider") : json(nullptr)));
                CHECK(master.at("specifier") == entry.value("args", json::array()));
                CHECK(master.at("result") == entry.at("result"));
                CHECK(master.at("expect") == consumer.at("expect"));
            }
        }
        CHECK(at == have.at("masters").size());
        at = 0;
        for (const json& map : want.at("iommu_maps")) {
            for (const json& row : map.at("entries")) {
                REQUIRE(at < have.at("maps").size());
                const json& line = have.at("maps")[at++];
                CHECK(line.at("path") == map.at("path"));
                CHECK(line.at("iommu") == row.at("provider"));
                CHECK(line.at("base") == std::stoul(row.at("base").get<std::string>(), nullptr, 16));
                CHECK(line.at("out_base") == std::stoul(row.at("out").get<std::string>(), nullptr, 16));
                CHECK(line.at("length") == std::stoul(row.at("length").get<std::string>(), nullptr, 16));
                CHECK(line.at("mask").is_null() == map.at("mask").is_null());
            }
        }
        CHECK(at == have.at("maps").size());
    }
}

TEST_CASE("inspect: the text says what an architect asks first", "[study][inspect]") {
    Tree t;
    const NodeIndex smmu = t.iommu("smmu@9050000", "arm,smmu-v3", 1);
    t.tree.nodes[index(smmu)].regs.push_back({0x9050000, 0x20000, 0x9050000, "", 0});
    t.tree.nodes[index(smmu)].dma_coherent = true;
    t.master("usb@c000", smmu, {{1}, {2}});
    const NodeIndex host = t.add("pcie@40000000", "pci-host-ecam-generic");
    IommuMap map;
    map.rows.push_back({0, 1, smmu, 0x100, 0x10000});
    map.mask = 0xfff8;
    t.tree.nodes[index(host)].iommu_map = map;
    t.tree.memory.push_back({0x40000000, 0x40000000});
    t.tree.oddities.push_back({"/pcie@40000000", "iommu-map-mask: \x1b[31mfolds"});
    CHECK(study::inspect_text(t.tree) ==
          "hand: devicetree, 4 nodes, 1 GiB of memory\n"
          "\n"
          "IOMMUs\n"
          "  /smmu@9050000  smmuv3 (arm,smmu-v3), registers 128 KiB at 0x9050000, 1 cell, 0 interrupts, coherent\n"
          "\n"
          "Masters\n"
          "  /usb@c000  /smmu@9050000: 0x1, 0x2\n"
          "\n"
          "Maps of requester ids\n"
          "  /pcie@40000000  mask 0xfff8\n"
          "    0x0-0xffff -> /smmu@9050000 0x100-0x100ff\n"
          "\n"
          "Groups to expect\n"
          "  /usb@c000  behind /smmu@9050000\n"
          "  functions behind /pcie@40000000: by topology, isolation (ACS) and probe order\n"
          "\n"
          "Oddities\n"
          "  /pcie@40000000: iommu-map-mask: \\x1b[31mfolds\n");
}

TEST_CASE("inspect: texts that are no UTF-8 still make a JSON document", "[study][inspect]") {
    Tree t;
    t.iommu("smmu\xff\n", "arm,smmu-v3\xc3", 1);
    CHECK(study::inspect_json(t.tree).find("smmu\\\\xff\\\\x0a") != std::string::npos);
}

TEST_CASE("inspect: the JSON holds every ACPI table of the corpus decoded, as an independent reader has it",
          "[study][inspect][acpi][corpus]") {
    if (tests::skip_without("linux-boot")) return;
    std::size_t boots = 0;
    for (const auto& entry : fs::directory_iterator(*tests::corpus() / "linux-boot")) {
        const fs::path folder = entry.path() / "acpi";
        if (!fs::exists(folder / "expected.json")) continue;
        CAPTURE(folder.string());
        ++boots;
        const json want = load(folder / "expected.json").at("tables");
        std::vector<std::string> files;
        for (const auto& [name, table] : want.items()) files.push_back((folder / (name + ".dat")).string());
        const Description description = study::read_firmware(files).description;
        json have = json::parse(study::inspect_json(description));
        CHECK(have.at("schema") == "xlate.inspect/1");
        CHECK(have.at("origin") == "acpi");
        for (auto& [name, table] : have.at("tables").items()) table.erase("file");
        CHECK(have.at("tables") == want);
        REQUIRE(have.at("iommus").size() == 1);
        CHECK(have.at("iommus")[0].at("device") == "arm-smmu-v3.0.auto");
        CHECK(have.at("iommus")[0].at("arch") == "smmuv3");
        std::size_t rows = 0;
        for (const json& node : want.at("IORT").at("nodes")) {
            if (node.at("type") != "root-complex") continue;
            for (const json& mapping : node.at("mappings")) {
                if (mapping.at("output_reference") != "0x48") continue;  // to the ITS
                const json& row = have.at("maps").at(rows++);
                CHECK(row.at("base") == std::stoul(mapping.at("input_base").get<std::string>(), nullptr, 16));
                CHECK(row.at("length") == std::stoul(mapping.at("id_count").get<std::string>(), nullptr, 16));
                CHECK(row.at("iommu") == have.at("iommus")[0].at("path"));
            }
        }
        CHECK(rows == have.at("maps").size());
        CHECK_FALSE(have.at("oddities").empty());  // their counts are one too high
    }
    tests::went_over(boots, "boot from ACPI");
}

TEST_CASE("inspect: the text of an IORT names its table, Linux's names, and what goes past the SMMU",
          "[study][inspect][acpi]") {
    firmware::acpi::TableWriter iort("IORT", 3);
    iort.u32(3).u32(48).u32(0);
    iort.u8(0).u16(24).u8(1).u32(0).u32(0).u32(0).u32(1).u32(0);
    iort.u8(4).u16(68).u8(4).u32(1).u32(0).u32(0);
    iort.u64(0x9050000).u32(1).u32(0).u64(0).u32(0).u32(106).u32(0).u32(109).u32(108).u32(0).u32(0);
    iort.u8(2).u16(76).u8(3).u32(2).u32(2).u32(36);
    iort.u32(1).u32(0x3000000).u32(0).u32(0).u32(64);
    iort.u32(0).u32(0x8FF).u32(0).u32(0x48).u32(0);
    iort.u32(0x900).u32(0xF6FF).u32(0x900).u32(0x30).u32(0);
    const Description description = firmware::acpi::read_acpi({{"iort.dat", iort.finish()}});
    CHECK(study::inspect_text(description) ==
          "ACPI tables\n"
          "  IORT  I/O remapping table, by XLATE, revision 3, 216 bytes (iort.dat)\n"
          "\n"
          "IOMMUs\n"
          "  /smmuv3@9050000  smmuv3 (arm,smmu-v3), registers 128 KiB at 0x9050000, 1 cell, 3 interrupts, coherent, "
          "Linux: arm-smmu-v3.0.auto\n"
          "\n"
          "Masters\n"
          "  none with a node of their own\n"
          "\n"
          "Maps of requester ids\n"
          "  /pci0000:00\n"
          "    0x0-0x8ff -> /smmuv3@9050000 0x0-0x8ff\n"
          "    0x900-0xffff -> past the IOMMUs\n"
          "\n"
          "Groups to expect\n"
          "  functions behind /pci0000:00: by topology, isolation (ACS) and probe order\n"
          "\n"
          "Oddities\n"
          "  none\n");
}
