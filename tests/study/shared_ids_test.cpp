// Devices of one id in several groups. Linux: riscv_iommu_device_group() and viommu_device_group() go by PCI topology
// or by device; arm_smmu_insert_master() refuses the second.
#include "study/run/shared_ids.hpp"

#include <catch2/catch.hpp>

using namespace xlate;
using namespace xlate::study;

namespace {

kernel::DeviceResult device(const char* name, unsigned group, std::vector<std::uint32_t> ids,
                            kernel::DomainType domain = kernel::DomainType::dma, const char* iommu = "iommu") {
    kernel::DeviceResult one;
    one.name = name;
    one.iommu = iommu;
    one.ids = std::move(ids);
    one.group = group;
    one.domain = domain;
    return one;
}

}  // namespace

TEST_CASE("devices of several groups that send one id are named", "[study][run]") {
    const auto said = shared_ids({device("a", 0, {8, 9}), device("b", 1, {16}), device("c", 2, {9, 9})});
    REQUIRE(said.size() == 1);
    CHECK(said[0].find("a (group 0), c (group 2) send one id, 0x9, to iommu") == 0);
    CHECK(shared_ids({device("a", 0, {8}), device("b", 0, {8})}).empty());
    CHECK(shared_ids({device("a", 0, {8, 8})}).empty());
    CHECK(shared_ids({device("a", 0, {8}), device("b", 1, {8}, kernel::DomainType::dma, "other")}).empty());
    constexpr auto kIdentity = kernel::DomainType::identity;
    CHECK(shared_ids({device("a", 0, {8}, kIdentity), device("b", 1, {8}, kIdentity)}).empty());
    CHECK(shared_ids({device("a", 0, {8}, kIdentity), device("b", 1, {8})}).size() == 1);
}
