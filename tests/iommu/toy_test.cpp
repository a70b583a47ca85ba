// A family of some sixty lines behind the untimed owner; the timed shell has it in tests/soc/toy_family_test.cpp.
#include <catch2/catch.hpp>

#include "iommu/untimed.hpp"
#include "tests/iommu/toy.hpp"

using namespace xlate;
using namespace xlate::tests;

TEST_CASE("untimed: any family translates, faults, and drops what a register asks for", "[iommu][toy]") {
    iommu::SparseMemory memory;
    toy::Toy unit;
    iommu::Untimed owner(unit, memory);
    int faults = 0;
    owner.on_wire = [&](const iommu::WireSpec& wire) { faults += wire.name == "fault" ? 1 : 0; };
    memory.store(0x80000000 + 5 * 8, 0x90001000 | 1);

    iommu::Request request;
    request.address = 0x5008;
    CHECK(owner.translate(request).result.pa.value == 0x5008);  // off
    owner.write_register(toy::kTable, 8, 0x80000000);
    CHECK(owner.translate(request).result.pa.value == 0x90001008);
    CHECK(faults == 0);
    request.write = true;
    const iommu::Step& refused = owner.translate(request);
    CHECK(refused.kind == iommu::StepKind::fault);
    CHECK(unit.spec().fault_name(refused.result.fault) == "NO_PAGE");
    CHECK(faults == 1);

    owner.write_register(toy::kDrop, 4, 5);
    CHECK(owner.read_register(toy::kStatus, 4) == 0);  // the drain is over
    CHECK(unit.epoch() == 1);
}
