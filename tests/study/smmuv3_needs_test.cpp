#include <filesystem>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/iommu_needs.hpp"
#include "study/config/families/smmuv3_needs.hpp"
#include "study/run/assemble.hpp"
#include "tests/corpus.hpp"

using namespace xlate;
using namespace xlate::study;
namespace fs = std::filesystem;

namespace {

/// An SMMUv3 with a master of id 0x12345 and memory up to 2^46.
firmware::Description wide_board() {
    firmware::Description d;
    const auto add = [&](const std::string& name, const std::string& compatible) -> firmware::Node& {
        firmware::Node node;
        node.name = name;
        node.path = "/" + name;
        node.compatible = {compatible};
        if (!d.nodes.empty()) node.parent = firmware::NodeIndex{0};
        d.nodes.push_back(node);
        return d.nodes.back();
    };
    add("", "");
    d.nodes[0].path = "/";
    firmware::Node& smmu = add("smmu@1000", "arm,smmu-v3");
    smmu.iommu_cells = 1;
    smmu.regs.push_back({0x1000, 0x20000, 0x1000, "", 0});
    firmware::Node& dma = add("dma@80000", "v,d");
    dma.regs.push_back({0x80000, 0x1000, 0x80000, "", 0});
    dma.has_iommus = true;
    firmware::IommuEntry entry;
    entry.provider = firmware::NodeIndex{1};
    entry.args = {0x12345};
    dma.iommus.push_back(entry);
    d.memory.push_back({std::uint64_t{1} << 45, std::uint64_t{1} << 45});
    return d;
}

}  // namespace

TEST_CASE("derive: ids and addresses of an SMMUv3 are as wide as the firmware needs them", "[study][derive]") {
    Config config = parse_config("firmware: { devicetree: x.dtb }", "x.yaml");
    CHECK(derive_smmuv3(config, wide_board()).empty());
    const auto& features = config.soc.iommus.at("/smmu@1000").params.hardware.smmuv3;
    CHECK(features.sidsize == 17);
    CHECK(features.oas == 5);  // 48 bits
}

TEST_CASE("derive: a config that says otherwise is believed, and both places are named", "[study][derive]") {
    Config config = parse_config(
        "firmware: { devicetree: x.dtb }\nsoc:\n  iommu: { features: { oas: 40 } }\n  iommus:\n    /smmu@1000: { "
        "features: "
        "{ sid_bits: 12, oas: 44 } }\n",
        "x.yaml");
    const std::vector<std::string> lines = derive_smmuv3(config, wide_board());
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].find("stream ids of 12 bits (x.yaml:5:") != std::string::npos);
    CHECK(lines[0].find("/dma@80000: iommus leads to id 0x12345, which takes 17") != std::string::npos);
    CHECK(lines[1].find("output addresses of 44 bits (x.yaml:5:") != std::string::npos);
    CHECK(config.soc.iommus.at("/smmu@1000").params.hardware.smmuv3.sidsize == 12);
}

TEST_CASE("derive: every id that a map or a list of a corpus board leads to exists in its SMMU",
          "[study][derive][corpus]") {
    if (tests::skip_without_corpus()) return;
    std::size_t seen = 0;
    for (const auto& entry : fs::recursive_directory_iterator(*tests::corpus())) {
        if (entry.path().extension() != ".dtb") continue;
        CAPTURE(entry.path().string());
        firmware::Description board;
        try {
            board = firmware::read_device_tree(firmware::read_file(entry.path().string()), "board");
        } catch (const InputError&) {
            continue;  // a broken one
        }
        Config config = parse_config("firmware: { devicetree: x.dtb }", "x.yaml");
        CHECK(derive_smmuv3(config, board).empty());
        for (const firmware::NodeIndex at : board.providers()) {
            const firmware::Node& smmu = board.node(at);
            if (!smmu.reachable || firmware::iommu_kind(smmu).family != "smmuv3") continue;
            const auto own = config.soc.iommus.find(smmu.path);
            const auto& features =
                (own == config.soc.iommus.end() ? config.soc.iommu : own->second).params.hardware.smmuv3;
            for (std::size_t i = 0; i < board.nodes.size(); ++i) {
                const firmware::Node& node = board.nodes[i];
                const auto index = static_cast<firmware::NodeIndex>(i);
                if (!node.reachable) continue;
                for (const firmware::IommuEntry* one : board.effective_iommus(index).entries) {
                    if (one->provider != at || one->args.empty()) continue;
                    ++seen;
                    CHECK(std::uint64_t{one->args.front()} >> features.sidsize == 0);
                }
                if (!node.iommu_map) continue;
                for (std::uint32_t id = 0; id <= 0xFFFF; id += 0xFF) {
                    if (node.has("bus-range") && id > 0xFF) break;  // other buses are not there on most of these
                    const firmware::MapLookup found = board.map_id(index, id);
                    if (found.result != firmware::MapResult::ok || found.provider != at) continue;
                    ++seen;
                    CHECK(std::uint64_t{found.id} >> features.sidsize == 0);
                }
            }
        }
    }
    tests::went_over(seen, "id at an SMMUv3");
}
