// An IOMMU whose registers are memory: it keeps what is written, and does nothing with it.
#include <catch2/catch.hpp>

#include <memory>

#include "iommu/families.hpp"
#include "iommu/inert.hpp"

using namespace xlate;
using namespace xlate::iommu;

namespace {

std::unique_ptr<Instance> unit(const char* family, std::uint64_t bytes) {
    InstanceParams params;
    params.facts.register_bytes = {bytes};
    params.facts.compatible = "rockchip,iommu";
    return find_family(family)->make(params);
}

}  // namespace

TEST_CASE("inert: registers keep what is written, no command is carried out, nothing is translated", "[iommu]") {
    const auto plain = unit("rockchip", 0x100);
    plain->reset();
    Inert inert(unit("rockchip", 0x100));
    inert.reset();
    const std::uint64_t first = plain->read_register(0x4, 4);  // MMU_STATUS
    CHECK(inert.read_register(0x4, 4, 0) == first);
    inert.write_register(0x0, 4, 0x40000000, 0);  // MMU_DTE_ADDR
    inert.write_register(0x8, 4, 0, 0);           // MMU_COMMAND: paging on
    plain->write_register(0x0, 4, 0x40000000);
    plain->write_register(0x8, 4, 0);
    if (plain->settling()) plain->settle();
    CHECK(plain->translates());
    CHECK_FALSE(inert.translates());
    CHECK(inert.read_register(0x0, 4, 0) == 0x40000000);
    CHECK(inert.read_register(0x4, 4, 0) == first);  // paging is not on
    CHECK(plain->read_register(0x4, 4) != first);
    CHECK_FALSE(inert.settling());
    CHECK(inert.machines() == 0);
    CHECK_FALSE(inert.take_wire());
    inert.reset();
    CHECK(inert.read_register(0x0, 4, 0) == 0);
}
