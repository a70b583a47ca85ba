// What firmware or a boot loader left in registers: ID registers shape the hardware, others are written.
#include <catch2/catch.hpp>

#include "iommu/families.hpp"

using namespace xlate;
using namespace xlate::iommu;

namespace {

struct Made {
    Made(std::string_view family_name, const std::string& compatible, std::map<std::uint64_t, std::uint32_t> registers,
         std::uint64_t bytes) {
        const Family& family = *find_family(family_name);
        InstanceParams params;
        params.name = "unit";
        params.facts.compatible = compatible;
        params.facts.register_bytes = {bytes};
        params.facts.interrupts = 9;
        params.hardware.registers = std::move(registers);
        unit = family.make(params);
        unit->reset();
        lost = preset_registers(*unit, params.hardware, family.id_registers);
    }
    std::unique_ptr<Instance> unit;
    std::vector<std::string> lost;
};

}  // namespace

// The words of corpus/linux-boot-families/dt-qcom-smmu500-6.12/id.bin.
TEST_CASE("an SMMUv2 is what its preset ID registers say, and has its boot loader's mappings", "[iommu][smmuv2]") {
    const std::map<std::uint64_t, std::uint32_t> words{{0x00, 0},           {0x20, 0x7C085E10},  {0x24, 0x30000008},
                                                       {0x28, 0x00001555},  {0x3C, 0x00000020},  {0x800, 0x80000020},
                                                       {0x80C, 0x80070100}, {0xC00, 0x00010000}, {0xC0C, 0x00010000}};
    const Made made("smmuv2", "arm,mmu-500", words, 0x20000);
    CHECK(made.lost.empty());
    for (const auto& [offset, word] : words) {
        INFO(offset);
        CHECK(made.unit->read_register(offset, 4) == word);
    }
    CHECK(made.unit->register_bytes() == 0x20000);
}

TEST_CASE("an SMMUv2's words that no such hardware has are named", "[iommu][smmuv2]") {
    // More banks than there are pages for; BTM, which is not modelled.
    const Made made("smmuv2", "arm,mmu-500", {{0x20, 0x7C087E10}, {0x24, 0x300000FF}}, 0x20000);
    REQUIRE(made.lost.size() == 2);
    CHECK(made.lost[0] == "+0x20 reads 0x7c085e10, not 0x7c087e10");
    CHECK(made.lost[1] == "+0x24 reads 0x30000010, not 0x300000ff");
}

// The words of dt-dart-*/p.bin, pn.bin, plock.bin and q14.bin.
TEST_CASE("a DART is what its preset PARAMS say, and locked if its boot loader has locked it", "[iommu][dart]") {
    const Made open("dart", "apple,t8103-dart", {{0x00, 0x0C000000}, {0x04, 0}}, 0x4000);
    CHECK(open.lost.empty());
    CHECK(open.unit->read_register(0x00, 4) == 0x0C000000);
    CHECK(open.unit->read_register(0x04, 4) == 0);
    const Made locked("dart", "apple,t6000-dart", {{0x00, 0x0C000000}, {0x04, 1}, {0x60, 0x8000}}, 0x4000);
    CHECK(locked.lost.empty());
    locked.unit->write_register(0x100, 4, 0x80);
    CHECK(locked.unit->read_register(0x100, 4) == 0);
    const Made t8110("dart", "apple,t8110-dart", {{0x00, 0x0E000000}, {0x08, 0x28240100}, {0x0C, 0x40}}, 0x4000);
    CHECK(t8110.lost.empty());
    CHECK(t8110.unit->read_register(0x08, 4) == 0x28240100);
}
