// An endpoint's ATC in time: requests, translated traffic, invalidations and their time-out.
#include <catch2/catch.hpp>

#include "kernel-model/core/kernel.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using tests::SmmuBench;
namespace smmu = tests::smmu;
namespace reg = tests::smmu::reg;

namespace {

constexpr const char* kDevice = "0000:00:01.0";

firmware::Description board() {
    firmware::Description board = SmmuBench::board({});
    SmmuBench::add_host_bridge(board, 0x8, SmmuBench::kStream, 0x1);
    return board;
}

/// Memory and back 33 ns, PCIe 100 ns each way, both without limits of bandwidth.
soc::SocConfig config(std::uint64_t transfers, std::uint32_t outstanding) {
    soc::SocConfig config = SmmuBench::gem5_machine();
    config.pcie.bandwidth_bytes_per_s = 0;
    config.iommu.hardware.smmuv3 = iommu::smmuv3::full_features();
    soc::MasterConfig master = SmmuBench::master(kDevice, 2);
    master.requester_id = 8;
    master.atc = soc::AtcParams{};
    master.traffic.transfers = transfers;
    master.traffic.outstanding = outstanding;
    config.masters.push_back(master);
    return config;
}

void allow_ats(soc::Soc& soc) {
    SmmuBench::store(soc, SmmuBench::kStreamTable + SmmuBench::kStream * smmu::kSteBytes + 8,
                     smmu::ste::EATS.bits().of(smmu::ste::EATS_TRANS) | smmu::ste::SHCFG.bits().of(1));
}

void put_command(soc::Soc& soc, std::uint32_t place, const smmu::CommandWords& words) {
    SmmuBench::store(soc, SmmuBench::kCommands + 16 * place, words);
}

/// When the last access went well.
class LastGood final : public soc::TraceSink {
public:
    void transaction(std::string_view, std::uint64_t, std::uint64_t, bool, SimTime, SimTime end, bool fault) override {
        if (!fault) at = end;
    }
    void span(std::string_view, std::string_view, SimTime, SimTime, std::uint64_t) override {}
    void instant(std::string_view, std::string_view, SimTime, std::uint64_t) override {}
    SimTime at;
};

}  // namespace

// By hand. The second read: 4 ATC, 100 up, 1 port, 1 pass, 1 out, 33 memory and back, 100 down = 240.
// The first asks before: 100 up, 1 port, 10 link, 3 configuration cache, 2 x 34 STE and CD, walk 114 = 8 walk cache + 1
// + 3 x 35, 10 link, 100 down = 406 more.
TEST_CASE("soc: a translation request costs a round over PCIe and a walk, a hit in the ATC neither", "[soc][ats]") {
    const firmware::Description firmware = board();
    soc::Soc soc{firmware, config(2, 1)};
    SmmuBench::install(soc, 1);
    allow_ats(soc);
    SmmuBench::enable(soc);
    REQUIRE(soc.enable_ats(kDevice, true));
    soc.start_master(kDevice, Iova{SmmuBench::kIova}, 4096);
    REQUIRE(soc.run() == soc::Outcome::finished);
    const soc::SocStats stats = soc.stats();
    const soc::MasterStats& master = stats.masters.at(0);
    CHECK(master.reads == 2);
    CHECK(master.latency.min() == ns(240));
    CHECK(master.latency.max() == ns(646));
    CHECK(master.parts_fs[static_cast<std::size_t>(soc::Part::ats)] == ns(4 + 406 + 4).fs);
    REQUIRE(master.atc);
    CHECK(master.atc->requests == 1);
    CHECK(master.atc->translated == 2);
    CHECK(master.atc->cache.lookups == 2);
    CHECK(master.atc->cache.hits == 1);
    const soc::IommuStats& iommu = stats.iommus.at(0);
    CHECK(iommu.translations == 3);
    CHECK(iommu.ats_requests == 1);
    CHECK(iommu.ats_translated == 2);
    CHECK(iommu.micro_tlb.lookups == 0);
    CHECK(iommu.bypassed == 0);
    CHECK(iommu.walks == 1);
    CHECK(stats.transactions_lost == 0);
}

TEST_CASE("soc: with ATSCHK, one entry of the TBU vouches for all translated traffic of a stream", "[soc][ats]") {
    const firmware::Description firmware = board();
    soc::Soc soc{firmware, config(200, 4)};
    SmmuBench::install(soc, 4);
    allow_ats(soc);
    SmmuBench::enable(soc);
    SmmuBench::set(
        soc, reg::CR0,
        smmu::cr0::SMMUEN.mask() | smmu::cr0::EVENTQEN.mask() | smmu::cr0::CMDQEN.mask() | smmu::cr0::ATSCHK.mask());
    REQUIRE(soc.enable_ats(kDevice, true));
    soc.start_master(kDevice, Iova{SmmuBench::kIova}, 4 * 4096);
    REQUIRE(soc.run() == soc::Outcome::finished);
    const soc::SocStats stats = soc.stats();
    CHECK(stats.masters.at(0).reads == 200);
    CHECK(stats.masters.at(0).atc->requests == 4);
    CHECK(stats.iommus.at(0).ats_translated == 200);
    CHECK(stats.iommus.at(0).micro_tlb.lookups == 200);
    // Four requests, and the first translated accesses.
    CHECK(stats.iommus.at(0).config_cache.lookups <= 8);
    CHECK(stats.iommus.at(0).counter("events") == 0);
}

TEST_CASE("soc: an endpoint whose stream may not do ATS goes on untranslated", "[soc][ats]") {
    const firmware::Description firmware = board();
    soc::Soc soc{firmware, config(10, 1)};
    SmmuBench::install(soc, 1);
    SmmuBench::enable(soc);
    REQUIRE(soc.enable_ats(kDevice, true));
    soc.start_master(kDevice, Iova{SmmuBench::kIova}, 4096);
    REQUIRE(soc.run() == soc::Outcome::finished);
    const soc::SocStats stats = soc.stats();
    CHECK(stats.masters.at(0).reads == 10);
    CHECK(stats.masters.at(0).atc->refused == 10);
    CHECK(stats.masters.at(0).atc->translated == 0);
    CHECK(stats.iommus.at(0).counter("events") == 10);
    std::uint8_t record[32];
    REQUIRE(soc.peek(PhysAddr{SmmuBench::kEvents}, record, sizeof record));
    CHECK(smmu::event::TYPE.get(smmu::words_from_bytes<4>(record)) == 5);  // F_BAD_ATS_TREQ
}

TEST_CASE("soc: after ATC_INV and SYNC no access uses the old translation, and the SYNC has waited for the endpoint",
          "[soc][ats]") {
    const firmware::Description firmware = board();
    soc::Soc soc{firmware, config(2000, 8)};
    LastGood last_good;
    soc.set_trace(&last_good);
    kernel::Kernel kernel{soc.machine(), kernel::variants().front()};
    soc.attach(kernel);
    SmmuBench::install(soc, 1);
    allow_ats(soc);
    SmmuBench::enable(soc);
    put_command(soc, 0, smmu::command::tlbi(smmu::Opcode::TLBI_NH_ALL));
    put_command(soc, 1, smmu::command::atc_inv(StreamId{SmmuBench::kStream}, std::nullopt, 0, 52));
    put_command(soc, 2, smmu::command::sync(0));
    REQUIRE(soc.enable_ats(kDevice, true));
    kernel::Machine& machine = soc.machine();
    const auto at = [](std::uint32_t offset) { return PhysAddr{SmmuBench::kRegisters + offset}; };
    SimTime synced;
    kernel.spawn("driver", 0, [&] {
        kernel::DmaPlan plan;
        plan.buffers.push_back({Iova{SmmuBench::kIova}, 4096});
        machine.start_master(kDevice, plan);
        machine.sleep(us(5));
        const std::uint8_t nothing[8] = {};
        machine.memory_write(PhysAddr{SmmuBench::leaf_address(0)}, nothing, 8);
        machine.mmio_write(at(reg::CMDQ_PROD), 4, 3);
        for (int i = 0; i < 100 && machine.mmio_read(at(reg::CMDQ_CONS), 4) != 3; ++i) {
        }
        synced = machine.now();
    });
    REQUIRE(soc.run() == soc::Outcome::finished);
    kernel.finish();
    const soc::SocStats stats = soc.stats();
    const soc::MasterStats& master = stats.masters.at(0);
    CHECK(master.reads > 50);
    CHECK(master.faults > 100);
    CHECK(master.reads + master.faults == 2000);
    CHECK(master.atc->denied == master.faults);
    CHECK(master.atc->invalidations == 1);
    CHECK(last_good.at > us(5));
    CHECK(last_good.at < synced);
    // Down and up the link, and in the endpoint.
    CHECK(stats.iommus.at(0).sync.min() > ns(220));
    CHECK(stats.iommus.at(0).atc_invalidations == 1);
    CHECK(stats.iommus.at(0).atc_timeouts == 0);
    CHECK(stats.transactions_lost == 0);
}

TEST_CASE("soc: an ATC_INV that nobody completes ends its SYNC with CERROR_ATC_INV_SYNC after the time-out",
          "[soc][ats]") {
    const firmware::Description firmware = board();
    soc::SocConfig with = config(1, 1);
    with.iommu.tcu.atc_timeout = us(7);
    soc::Soc soc{firmware, with};
    SmmuBench::install(soc, 1);
    SmmuBench::enable(soc);
    put_command(soc, 0, smmu::command::atc_inv(StreamId{9}, std::nullopt, 0, 52));
    put_command(soc, 1, smmu::command::sync(0));
    SmmuBench::set(soc, reg::CMDQ_PROD, 2);
    REQUIRE(soc.run() == soc::Outcome::finished);
    CHECK(soc.now() > us(7));
    CHECK(soc.now() < us(8));
    const auto cons =
        static_cast<std::uint32_t>(soc.peek_register(PhysAddr{SmmuBench::kRegisters + reg::CMDQ_CONS}, 4));
    CHECK(smmu::cmdq_cons::ERR.get(cons) == smmu::cmdq_cons::CERROR_ATC_INV_SYNC);
    CHECK((cons & 0xFFFF) == 1);
    CHECK((soc.peek_register(PhysAddr{SmmuBench::kRegisters + reg::GERROR}, 4) & 1) == 1);
    CHECK(soc.stats().iommus.at(0).atc_timeouts == 1);
}

TEST_CASE("soc: an ATC that is switched off and on again has forgotten, and in between accesses go untranslated",
          "[soc][ats]") {
    const firmware::Description firmware = board();
    soc::SocConfig with = config(300, 1);
    with.masters.at(0).traffic.interval = ns(50);
    soc::Soc soc{firmware, with};
    kernel::Kernel kernel{soc.machine(), kernel::variants().front()};
    soc.attach(kernel);
    SmmuBench::install(soc, 1);
    allow_ats(soc);
    SmmuBench::enable(soc);
    kernel::Machine& machine = soc.machine();
    machine.control_ats("0000:00:07.0", true);  // nobody's
    kernel.spawn("driver", 0, [&] {
        machine.control_ats(kDevice, true);
        kernel::DmaPlan plan;
        plan.buffers.push_back({Iova{SmmuBench::kIova}, 4096});
        machine.start_master(kDevice, plan);
        machine.sleep(us(10));
        machine.control_ats(kDevice, false);
        machine.sleep(us(10));
        machine.control_ats(kDevice, true);
    });
    REQUIRE(soc.run() == soc::Outcome::finished);
    kernel.finish();
    const soc::MasterStats master = soc.stats().masters.at(0);
    CHECK(master.reads == 300);
    CHECK(master.atc->enabled);
    CHECK(master.atc->requests == 2);
    CHECK(master.atc->translated > 200);
    CHECK(master.atc->translated < 270);
}
