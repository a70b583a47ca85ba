// Ids, masks and context banks that an SMMUv2 does not have: `inspect` and `run` say the same of them, and name the
// master that is in the way. Linux: arm_smmu_find_sme(), arm_smmu_probe_device(), __arm_smmu_alloc_bitmap().
#include <initializer_list>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/firmware/arm_machine.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

struct Master {
    const char* name;
    std::uint32_t address, id, mask;
};

/// An MMU-500 with interrupts for `banks` context banks, and masters behind it.
std::string board_of(std::uint32_t banks, std::initializer_list<Master> masters) {
    TreeBuilder tree;
    open_arm_machine(tree);
    tree.open("iommu@15000000").text("compatible", "arm,mmu-500").cells("reg", {0x15000000, 0x100000});
    tree.cells("#iommu-cells", {2}).cells("#global-interrupts", {1}).cells("phandle", {1});
    std::vector<std::uint32_t> interrupts;
    for (std::uint32_t i = 0; i <= banks; ++i) interrupts.insert(interrupts.end(), {0, 64 + i, 4});
    tree.cells("interrupts", interrupts).close();
    for (const Master& one : masters) {
        tree.open(std::string(one.name) + "@" + fmt::format("{:x}", one.address)).text("compatible", "field,master");
        tree.cells("reg", {one.address, 0x1000}).cells("iommus", {1, one.id, one.mask}).close();
    }
    const std::vector<std::uint8_t> blob = tree.finish();
    return {blob.begin(), blob.end()};
}

std::string why(const Json& result, const std::string& device) {
    for (const Json& one : result["untranslated"]) {
        if (one["device"] == device) return one["why"];
    }
    return "translated";
}

}  // namespace

TEST_CASE("refused ids: an SMMUv2 is named with the entry that is in the way, and with what is too wide",
          "[cli][smmuv2]") {
    const Scratch scratch;
    scratch.file("b.dtb", board_of(8, {{"display", 0xae00000, 0x800, 0x3},
                                       {"camera", 0xae10000, 0x802, 0},
                                       {"video", 0xae20000, 0x802, 0x5},
                                       {"dma", 0xae30000, 0x19c3, 0x8000}}));
    const Said inspected = run_xlate(scratch, "inspect b.dtb");
    CAPTURE(inspected.out);
    const auto has = [](const std::string& text, const std::string& part) {
        return text.find(part) != std::string::npos;
    };
    CHECK(has(inspected.out, "no group: /video@ae20000: id 0x802 is taken by /display@ae00000 (-22)"));
    CHECK(has(inspected.out,
              "no group: /dma@ae30000: mask 0x8000 is beyond the 15 bits of an SMMU without extended ids (-22)"));
    CHECK(has(run_xlate(scratch, "inspect b.dtb --why ae30000.dma").out, "not translated: no group: mask 0x8000"));
    const Said said = run_xlate(scratch, "run b.dtb --out r");
    CAPTURE(said.out, said.err);
    REQUIRE(said.status == 0);
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    CHECK(why(result, "ae10000.camera") == "translated");
    CHECK(why(result, "ae20000.video") ==
          "id 0x802 at 15000000.iommu belongs to ae00000.display (id 0x800, mask 0x3), "
          "so that the driver refused it (-22, EINVAL)");
    CHECK(why(result, "ae30000.dma") ==
          "at 15000000.iommu: mask 0x8000 is beyond the 15 bits of an SMMU without extended ids (-22)");
}

TEST_CASE("refused ids: groups beyond an SMMUv2's context banks are so in inspect and in a run", "[cli][smmuv2]") {
    const Scratch scratch;
    scratch.file("b.dtb", board_of(1, {{"a", 0xae00000, 0x10, 0}, {"b", 0xae10000, 0x20, 0}}));
    const Said inspected = run_xlate(scratch, "inspect b.dtb");
    CAPTURE(inspected.out);
    CHECK(inspected.out.find("no group: /b@ae10000: /iommu@15000000 has interrupts for 1 context bank, and other "
                             "groups have it (-28)") != std::string::npos);
    const Said said = run_xlate(scratch, "run b.dtb --out r");
    REQUIRE(said.status == 0);
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    CHECK(why(result, "ae00000.a") == "translated");
    CHECK(why(result, "ae10000.b").find("-28, ENOSPC") != std::string::npos);
}
