// Page requests in time: an endpoint that may not access a page asks software for it, over PCIe and the PRI queue.
#include <catch2/catch.hpp>

#include "kernel-model/core/kernel.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using tests::SmmuBench;
namespace smmu = tests::smmu;
namespace reg = tests::smmu::reg;
namespace cr0 = tests::smmu::cr0;

namespace {

constexpr const char* kDevice = "0000:00:01.0";
constexpr std::uint64_t kPriq = SmmuBench::kMemory + 0xC000;
constexpr std::uint64_t kEnables = cr0::SMMUEN.mask() | cr0::EVENTQEN.mask() | cr0::CMDQEN.mask();

firmware::Description board() {
    firmware::Description board = SmmuBench::board({});
    SmmuBench::add_host_bridge(board, 0x8, SmmuBench::kStream, 0x1);
    return board;
}

/// As in ats_test.cpp: memory and back 33 ns, PCIe 100 ns each way.
soc::SocConfig config(std::uint64_t transfers, std::uint32_t outstanding) {
    soc::SocConfig config = SmmuBench::gem5_machine();
    config.pcie.bandwidth_bytes_per_s = 0;
    config.iommu.hardware.smmuv3 = iommu::smmuv3::full_features();
    soc::MasterConfig master = SmmuBench::master(kDevice, 2);
    master.requester_id = 8;
    master.atc = soc::AtcParams{};
    master.atc->pri = true;
    master.traffic.pattern = soc::Pattern::strided;
    master.traffic.transfers = transfers;
    master.traffic.outstanding = outstanding;
    config.masters.push_back(master);
    return config;
}

/// Page 0 is mapped, the others have an invalid leaf. The PRI queue has 2^log2 entries.
void prepare(soc::Soc& soc, std::uint64_t pages, unsigned log2) {
    SmmuBench::install(soc, pages);
    for (std::uint64_t page = 1; page < pages; ++page) SmmuBench::store(soc, SmmuBench::leaf_address(page), 0);
    SmmuBench::store(soc, SmmuBench::kStreamTable + SmmuBench::kStream * smmu::kSteBytes + 8,
                     smmu::ste::EATS.bits().of(smmu::ste::EATS_TRANS) | smmu::ste::SHCFG.bits().of(1));
    SmmuBench::enable(soc);
    SmmuBench::set(soc, reg::PRIQ_BASE, kPriq | log2, 8);
    SmmuBench::set(soc, reg::IRQ_CTRL, smmu::irq_ctrl::PRIQ_IRQEN.mask());
    SmmuBench::set(soc, reg::CR0, kEnables | cr0::PRIQEN.mask());
}

std::uint64_t part(const soc::MasterStats& master, soc::Part which) {
    return master.parts_fs[static_cast<std::size_t>(which)];
}

}  // namespace

// By hand: 4 ATC, 406 the translation request as in ats_test.cpp (its walk ends at the invalid leaf), 100 up, 10 link;
// the SMMU, whose PRI queue is off, answers at once with a failure: 10 link, 100 down.
TEST_CASE("soc: a page request that the SMMU refuses itself costs a round over PCIe and the link", "[soc][pri]") {
    const firmware::Description firmware = board();
    soc::Soc soc{firmware, config(1, 1)};
    prepare(soc, 2, 3);
    SmmuBench::set(soc, reg::CR0, kEnables);
    REQUIRE(soc.enable_ats(kDevice, true));
    soc.start_master(kDevice, Iova{SmmuBench::kIova + 4096}, 4096);
    REQUIRE(soc.run() == soc::Outcome::finished);
    const soc::SocStats stats = soc.stats();
    const soc::MasterStats& master = stats.masters.at(0);
    CHECK(soc.now() == ns(630));
    CHECK(master.faults == 1);
    CHECK(part(master, soc::Part::ats) == ns(410).fs);
    CHECK(part(master, soc::Part::stall) == ns(220).fs);
    CHECK(master.atc->page_requests == 1);
    CHECK(master.atc->pages_refused == 1);
    CHECK(master.atc->denied == 1);
    CHECK(stats.iommus.at(0).page_requests == 1);
    CHECK(stats.iommus.at(0).page_requests_answered == 1);
    CHECK(stats.transactions_lost == 0);
}

// Software needs as long as it likes: the answer arrives `waited` after the request was sent; then a second translation
// request, whose walk finds its tables (4 walk cache, 1, 35 the leaf; configuration 3): 100 + 1 + 10 + 3 + 40 + 10 +
// 100, and the access 236.
TEST_CASE("soc: an endpoint gets its page from software and accesses it", "[soc][pri]") {
    const firmware::Description firmware = board();
    soc::Soc soc{firmware, config(1, 1)};
    kernel::Kernel kernel{soc.machine(), kernel::variants().front()};
    soc.attach(kernel);
    prepare(soc, 2, 3);
    REQUIRE(soc.enable_ats(kDevice, true));
    kernel::Machine& machine = soc.machine();
    const auto at = [](std::uint32_t offset) { return PhysAddr{SmmuBench::kRegisters + offset}; };
    SimTime interrupted;
    machine.connect_interrupt(firmware::NodeIndex{1}, "priq", [&] {
        interrupted = machine.now();
        kernel.spawn("priq", 0, [&] {
            CHECK(machine.mmio_read(at(reg::PRIQ_PROD), 4) == 1);
            std::uint8_t bytes[16];
            machine.memory_read(PhysAddr{kPriq}, bytes, 16);
            // Stream 1, READ and LAST; group 0, the page.
            CHECK(load_le(bytes, 8) == (SmmuBench::kStream | std::uint64_t{1} << 60 | std::uint64_t{1} << 62));
            CHECK(load_le(bytes + 8, 8) == SmmuBench::kIova + 4096);
            std::uint8_t leaf[8];
            store_le(leaf, 8, SmmuBench::leaf(SmmuBench::kPages + 4096));
            machine.memory_write(PhysAddr{SmmuBench::leaf_address(1)}, leaf, 8);
            SmmuBench::store(
                soc, SmmuBench::kCommands,
                smmu::command::pri_resp(StreamId{SmmuBench::kStream}, std::nullopt, 0, smmu::cmd::RESP_SUCCESS));
            machine.mmio_write(at(reg::CMDQ_PROD), 4, 1);
            machine.mmio_write(at(reg::PRIQ_CONS), 4, 1);
        });
    });
    kernel.spawn("driver", 0, [&] {
        kernel::DmaPlan plan;
        plan.buffers.push_back({Iova{SmmuBench::kIova + 4096}, 4096});
        machine.start_master(kDevice, plan);
    });
    REQUIRE(soc.run() == soc::Outcome::finished);
    kernel.finish();
    const soc::SocStats stats = soc.stats();
    const soc::MasterStats& master = stats.masters.at(0);
    CHECK(master.reads == 1);
    CHECK(master.faults == 0);
    CHECK(master.atc->page_requests == 1);
    CHECK(master.atc->pages_granted == 1);
    CHECK(master.atc->requests == 2);
    CHECK(master.atc->translated == 1);
    const std::uint64_t waited = part(master, soc::Part::stall);
    // Up, the link, the record on the bus (1 + 33), the wire; and the answer's link and way down.
    CHECK(waited > ns(100 + 10 + 34 + 20 + 10 + 100).fs);
    CHECK(part(master, soc::Part::ats) == ns(410 + 264).fs);
    CHECK(master.latency.max().fs == waited + ns(410 + 264 + 236).fs);
    CHECK(interrupted > ns(0));
    CHECK(stats.iommus.at(0).page_requests == 1);
    CHECK(stats.iommus.at(0).page_requests_answered == 0);
}

// Four pages, a queue of two. Two requests are lost, each is answered with success by itself, asked again and lost
// again, until software has mapped the pages and acknowledged the overflow.
TEST_CASE("soc: page requests that find the queue full are answered by itself, and come again", "[soc][pri]") {
    const firmware::Description firmware = board();
    soc::Soc soc{firmware, config(4, 4)};
    kernel::Kernel kernel{soc.machine(), kernel::variants().front()};
    soc.attach(kernel);
    prepare(soc, 5, 1);
    REQUIRE(soc.enable_ats(kDevice, true));
    kernel::Machine& machine = soc.machine();
    const auto at = [](std::uint32_t offset) { return PhysAddr{SmmuBench::kRegisters + offset}; };
    kernel.spawn("driver", 0, [&] {
        kernel::DmaPlan plan;
        plan.buffers.push_back({Iova{SmmuBench::kIova + 4096}, 4 * 4096});
        machine.start_master(kDevice, plan);
        machine.sleep(us(5));
        CHECK(machine.mmio_read(at(reg::PRIQ_PROD), 4) == (0x80000000U | 2));  // OVFLG, full
        for (std::uint64_t page = 1; page < 5; ++page) {
            std::uint8_t leaf[8];
            store_le(leaf, 8, SmmuBench::leaf(SmmuBench::kPages + page * 4096));
            machine.memory_write(PhysAddr{SmmuBench::leaf_address(page)}, leaf, 8);
        }
        for (std::uint32_t group = 0; group < 2; ++group) {
            SmmuBench::store(soc, SmmuBench::kCommands + 16 * group,
                             smmu::command::pri_resp(StreamId{SmmuBench::kStream}, std::nullopt,
                                                     static_cast<std::uint16_t>(group), smmu::cmd::RESP_SUCCESS));
        }
        machine.mmio_write(at(reg::CMDQ_PROD), 4, 2);
        machine.mmio_write(at(reg::PRIQ_CONS), 4, 0x80000000U | 2);
    });
    REQUIRE(soc.run() == soc::Outcome::finished);
    kernel.finish();
    const soc::SocStats stats = soc.stats();
    const soc::MasterStats& master = stats.masters.at(0);
    CHECK(master.reads == 4);
    CHECK(master.faults == 0);
    const soc::IommuStats& iommu = stats.iommus.at(0);
    CHECK(iommu.page_requests_answered >= 4);
    CHECK(iommu.page_requests == master.atc->page_requests);
    CHECK(master.atc->pages_granted == master.atc->page_requests);
    CHECK(iommu.page_requests - iommu.page_requests_answered == 2);
    CHECK(stats.transactions_lost == 0);
}
