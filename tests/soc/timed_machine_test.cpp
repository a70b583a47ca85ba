#include <catch2/catch.hpp>

#include "kernel-model/core/kernel.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using tests::SmmuBench;
namespace reg = tests::smmu::reg;

namespace {

soc::SocConfig plain(std::uint32_t cpus) {
    soc::SocConfig config;
    config.interconnect = {16, Cycles{5}, Cycles{5}, Cycles{1}};
    config.cpu.count = cpus;
    return config;
}

PhysAddr at(std::uint32_t offset) { return PhysAddr{SmmuBench::kRegisters + offset}; }

}  // namespace

// An MMIO read: 10 ns to the crossbar, 5 there, 4 at the SMMU, 5 back. A write is posted: 40 ns.
TEST_CASE("timed machine: MMIO takes what the bus takes, and a write is not waited for", "[soc][machine]") {
    const firmware::Description board = SmmuBench::board({});
    soc::Soc soc{board, plain(1)};
    kernel::Kernel kernel{soc.machine(), kernel::variants().front()};
    soc.attach(kernel);
    std::vector<std::uint64_t> times;
    std::uint64_t idr1 = 0;
    std::uint64_t written = 0;
    kernel.spawn("init", 0, [&] {
        const auto note = [&] { times.push_back(soc.now().fs / kFsPerNs); };
        idr1 = soc.machine().mmio_read(at(reg::IDR1), 4);
        note();
        soc.machine().mmio_write(at(reg::CR1), 4, 0xD75);
        note();
        written = soc.machine().mmio_read(at(reg::CR1), 4);
        note();
        CHECK(soc.machine().mmio_read(PhysAddr{0x1234'0000}, 4) == 0);  // nobody there
        soc.machine().pass(us(3));
        note();
    });
    REQUIRE(soc.run() == soc::Outcome::finished);
    kernel.finish();
    CHECK(idr1 != 0);
    CHECK(written == 0xD75);
    REQUIRE(times.size() == 4);
    CHECK(times[0] == 24);
    CHECK(times[1] == 64);
    CHECK(times[2] == 88);
    CHECK(times[3] == 88 + 20 + 3000);
    CHECK(soc.stats().iommus.at(0).register_reads == 2);
    CHECK(soc.stats().iommus.at(0).register_writes == 1);
}

TEST_CASE("timed machine: tasks of one CPU take turns, a switch costs, and a sleeper gives its CPU away",
          "[soc][machine]") {
    const firmware::Description board = SmmuBench::board({});
    soc::Soc soc{board, plain(2)};
    kernel::Kernel kernel{soc.machine(), kernel::variants().front()};
    soc.attach(kernel);
    std::vector<std::string> log;
    const auto note = [&](const std::string& what) {
        log.push_back(std::to_string(soc.now().fs / kFsPerNs) + " " + what);
    };
    kernel.spawn("a", 0, [&] {
        soc.machine().pass(us(10));
        note("a passed");
        soc.machine().sleep(us(5));
        note("a slept");
    });
    kernel.spawn("b", 0, [&] {
        note("b starts");
        soc.machine().pass(us(2));
        note("b passed");
    });
    kernel.spawn("c", 1, [&] {
        soc.machine().pass(us(1));
        note("c passed");
    });
    bool rang = false;
    soc.machine().set_timer(us(20), [&] { rang = true; });
    const kernel::TimerId never = soc.machine().set_timer(us(20), [&] { note("never"); });
    soc.machine().cancel_timer(never);
    REQUIRE(soc.run() == soc::Outcome::finished);
    CHECK(log == std::vector<std::string>{"1000 c passed", "10000 a passed", "11000 b starts", "13000 b passed",
                                          "16000 a slept"});
    CHECK(rang);
    CHECK(soc.now() == us(20));
}

// A driver in five lines: a command, a SYNC, and polling CONS until it has moved past them.
TEST_CASE("timed machine: an invalidation and its SYNC take time, and the TLB forgets before CONS moves on",
          "[soc][machine][smmuv3]") {
    const firmware::Description board = SmmuBench::board({"dma"});
    soc::SocConfig config = plain(1);
    soc::MasterConfig master = SmmuBench::master("dma", 2);
    master.traffic.transfers = 1000;
    master.traffic.outstanding = 2;
    config.masters.push_back(master);
    soc::Soc soc{board, config};
    kernel::Kernel kernel{soc.machine(), kernel::variants().front()};
    soc.attach(kernel);
    SmmuBench::install(soc, 1);
    SmmuBench::enable(soc);
    SimTime start;
    SimTime end;
    kernel.spawn("driver", 0, [&] {
        kernel::DmaPlan plan;
        plan.buffers.push_back({Iova{SmmuBench::kIova}, 4096});
        soc.machine().start_master("dma", plan);
        soc.machine().sleep(us(5));
        // Take the page away, then tell.
        const std::uint8_t nothing[8] = {};
        soc.machine().memory_write(PhysAddr{SmmuBench::leaf_address(0)}, nothing, 8);
        const auto tlbi =
            tests::smmu::command::tlbi_address(tests::smmu::Opcode::TLBI_NH_VA, 0, 1, SmmuBench::kIova, true);
        const auto sync = tests::smmu::command::sync(0);
        std::uint8_t bytes[32];
        for (unsigned i = 0; i < 2; ++i) {
            store_le(bytes + 8 * i, 8, tlbi[i]);
            store_le(bytes + 16 + 8 * i, 8, sync[i]);
        }
        soc.machine().memory_write(PhysAddr{SmmuBench::kCommands}, bytes, sizeof bytes);
        start = soc.now();
        soc.machine().mmio_write(at(reg::CMDQ_PROD), 4, 2);
        while (soc.machine().mmio_read(at(reg::CMDQ_CONS), 4) != 2) {
        }
        end = soc.now();
    });
    REQUIRE(soc.run() == soc::Outcome::finished);
    kernel.finish();
    const soc::SocStats stats = soc.stats();
    CHECK(stats.iommus.at(0).commands == 2);
    CHECK(stats.iommus.at(0).syncs == 1);
    // Two fetches over the bus, the broadcast to the TBU and back.
    CHECK(end - start > ns(200));
    CHECK(end - start < us(1));
    CHECK(stats.masters.at(0).reads > 10);
    CHECK(stats.masters.at(0).faults > 10);
    REQUIRE(!stats.faults.empty());
    // Nothing read through the old mapping after the SYNC was complete.
    for (const soc::FaultRecord& fault : stats.faults) CHECK(fault.reason == "F_TRANSLATION");
    CHECK(stats.faults.front().time > start);
    CHECK(stats.faults.front().time < end + us(1));
}

TEST_CASE("timed machine: a fault's record is in memory before its interrupt reaches the handler",
          "[soc][machine][smmuv3]") {
    const firmware::Description board = SmmuBench::board({"dma"});
    soc::SocConfig config = plain(1);
    soc::MasterConfig master = SmmuBench::master("dma", 2);
    master.traffic.transfers = 1;
    config.masters.push_back(master);
    soc::Soc soc{board, config};
    kernel::Kernel kernel{soc.machine(), kernel::variants().front()};
    soc.attach(kernel);
    SmmuBench::install(soc, 1);
    SmmuBench::enable(soc);
    SmmuBench::set(soc, reg::IRQ_CTRL, 7);
    unsigned interrupts = 0;
    std::uint64_t type = 0;
    soc.machine().connect_interrupt(firmware::NodeIndex{1}, "eventq", [&] {
        ++interrupts;
        kernel.spawn("irq", 0, [&] {
            std::uint8_t record[32];
            CHECK(soc.machine().mmio_read(at(reg::EVENTQ_PROD), 4) == 1);
            soc.machine().memory_read(PhysAddr{SmmuBench::kEvents}, record, sizeof record);
            type = record[0];
            soc.machine().mmio_write(at(reg::EVENTQ_CONS), 4, 1);
        });
    });
    bool ok = true;
    kernel.spawn("driver", 0, [&] {
        soc.machine().submit_dma("dma", Iova{SmmuBench::kIova + 4096}, 64, false, [&](bool result) { ok = result; });
    });
    REQUIRE(soc.run() == soc::Outcome::finished);
    CHECK(interrupts == 1);
    CHECK(type == 0x10);
    CHECK_FALSE(ok);
}

TEST_CASE("timed machine: a device's message is on its way as a write, and no transfer in its statistics",
          "[soc][machine][smmuv3]") {
    const firmware::Description board = SmmuBench::board({"dma"});
    soc::SocConfig config = plain(1);
    soc::MasterConfig master = SmmuBench::master("dma", 2);
    config.masters.push_back(master);
    soc::Soc soc{board, config};
    kernel::Kernel kernel{soc.machine(), kernel::variants().front()};
    soc.attach(kernel);
    SmmuBench::install(soc, 1);
    SmmuBench::enable(soc);
    unsigned told = 0, refused = 0;
    kernel.spawn("driver", 0, [&] {
        soc.machine().submit_dma("dma", Iova{SmmuBench::kIova}, 64, true, [&](bool ok) { told += ok ? 1 : 0; });
        soc.machine().send_message("dma", Iova{SmmuBench::kIova}, [&](bool ok) { told += ok ? 1 : 0; });
        soc.machine().send_message("dma", Iova{SmmuBench::kIova + 4096}, [&](bool ok) { refused += ok ? 0 : 1; });
        soc.machine().send_message("none", Iova{SmmuBench::kIova}, [&](bool ok) { refused += ok ? 0 : 1; });
    });
    REQUIRE(soc.run() == soc::Outcome::finished);
    CHECK(told == 2);
    CHECK(refused == 2);
    const soc::MasterStats stats = soc.stats().masters.at(0);
    CHECK(stats.issued == 3);
    CHECK(stats.writes == 1);
    CHECK(stats.bytes == 64);
    CHECK(stats.messages == 1);
    CHECK(stats.faults == 1);
    CHECK(stats.in_flight == 0);
    CHECK(stats.latency.count() == 1);
    std::uint64_t sum = 0;
    for (const std::uint64_t part : stats.parts_fs) sum += part;
    CHECK(sum == stats.latency.sum_fs());
}
