// The untimed owner: a register write has happened when it returns, and a driver behind it sees what hardware would
// show.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "iommu/smmuv3/sheet.hpp"
#include "iommu/untimed.hpp"
#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

/// The Bench's SMMU, programmed through an Untimed alone.
struct Owned {
    Bench bench{Bench::params(Bench::features_44()), false};
    Untimed untimed{bench.smmu, bench.memory};
    std::vector<std::string> wires;

    Owned() {
        untimed.on_wire = [this](const WireSpec& wire) { wires.emplace_back(wire.name); };
        untimed.write_register(reg::CR2, 4, cr2::RECINVSID.mask());
        untimed.write_register(reg::STRTAB_BASE, 8, Bench::kStrtab);
        untimed.write_register(reg::STRTAB_BASE_CFG, 4, 0x10210);
        untimed.write_register(reg::CMDQ_BASE, 8, Bench::kCmdq | 5);
        untimed.write_register(reg::EVENTQ_BASE, 8, Bench::kEvtq | 8);
        untimed.write_register(reg::IRQ_CTRL, 4, 7);
        untimed.write_register(reg::CR0, 4, 0xD);
    }
    void command(const CommandWords& words) {
        const QueueRegisters& q = bench.smmu.registers.cmdq;
        bench.memory.store(q.address(q.prod, kCommandBytes), words[0]);
        bench.memory.store(q.address(q.prod, kCommandBytes) + 8, words[1]);
        untimed.write_register(reg::CMDQ_PROD, 4, q.next(q.prod));
    }
    Request read(StreamId sid, std::uint64_t address) const {
        Request request;
        request.sid = sid;
        request.address = address;
        return request;
    }
};

}  // namespace

TEST_CASE("untimed: acknowledgements and commands have happened when the write returns", "[iommu][untimed]") {
    Owned owned;
    CHECK(owned.untimed.read_register(reg::CR0ACK, 4) == 0xD);
    CHECK(owned.untimed.instance().translates());
    owned.command(command::cfgi_all());
    owned.command(command::sync(cmd::CS_IRQ));
    CHECK(owned.untimed.read_register(reg::CMDQ_CONS, 4) == 2);
    CHECK(owned.wires == std::vector<std::string>{"cmdq-sync"});
}

TEST_CASE("untimed: a fault's record is in memory, and its wire has pulsed, when translate() returns",
          "[iommu][untimed]") {
    Owned owned;
    // No stream table in memory: SPAN 0.
    const Step& step = owned.untimed.translate(owned.read(StreamId{0x10}, 0x1000));
    REQUIRE(step.kind == StepKind::fault);
    CHECK(sheet().fault_name(step.result.fault) == "C_BAD_STREAMID");
    CHECK((owned.bench.memory.load(Bench::kEvtq) & 0xFF) == 0x02);
    CHECK(owned.untimed.read_register(reg::EVENTQ_PROD, 4) == 1);
    CHECK(owned.wires == std::vector<std::string>{"eventq"});
}

TEST_CASE("untimed: without translation an access passes as it is", "[iommu][untimed]") {
    Owned owned;
    owned.untimed.write_register(reg::CR0, 4, 0);
    CHECK_FALSE(owned.untimed.instance().translates());
    const Step& step = owned.untimed.translate(owned.read(StreamId{0x10}, 0x1234));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x1234);
    CHECK(step.result.entry.bypass);
}

TEST_CASE("instance: an SMMUv3's sheet names what its steps say", "[iommu][smmuv3][sheet]") {
    Bench bench;
    const Instance& instance = bench.smmu;
    CHECK(instance.counter_values().size() == instance.spec().counters.size());
    CHECK(instance.machines() == 3);
    CHECK(instance.machine(0).role == MachineRole::commands);
    CHECK(instance.machine(1).role == MachineRole::outputs);
    CHECK(instance.machine(2).role == MachineRole::operation);
    CHECK(instance.spec().purpose(walk_purpose(2, 3)).name == "s2_level3");
    CHECK(instance.spec().purpose(walk_purpose(2, 3)).stage == 2);
    CHECK(instance.spec().purpose(Purpose::msi).role == AccessRole::message);
    CHECK(instance.wire(3).name == "cmdq-sync");
    CHECK(instance.register_bytes() == 0x20000);
    for (std::size_t row = 0; row < instance.spec().structures.size(); ++row) {
        CHECK(instance.structure_counters(row).lookups == 0);
    }
}
