#include <catch2/catch.hpp>

#include "kernel-model/core/kernel.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using tests::SmmuBench;
namespace reg = tests::smmu::reg;

TEST_CASE("soc: two stalled accesses to one page hold up no SYNC, and end when software has answered both",
          "[soc][smmuv3]") {
    const firmware::Description board = SmmuBench::board({"dma"});
    soc::SocConfig config;
    config.cpu.count = 1;
    config.iommu.hardware.smmuv3 = iommu::smmuv3::full_features();
    soc::MasterConfig master = SmmuBench::master("dma", 2);
    master.traffic.transfers = 2;
    config.masters.push_back(master);
    soc::Soc soc{board, config};
    kernel::Kernel kernel{soc.machine(), kernel::variants().front()};
    soc.attach(kernel);
    SmmuBench::install(soc, 1);
    std::uint8_t first[8];
    REQUIRE(soc.peek(PhysAddr{SmmuBench::kContext}, first, 8));
    SmmuBench::store(soc, SmmuBench::kContext, tests::smmu::cd::S.bits().set(load_le(first, 8), 1));
    SmmuBench::enable(soc);
    kernel::Machine& machine = soc.machine();
    const auto at = [](std::uint32_t offset) { return PhysAddr{SmmuBench::kRegisters + offset}; };
    std::uint32_t produced = 0;
    const auto issue = [&](const tests::smmu::CommandWords& words) {
        std::uint8_t bytes[16];
        store_le(bytes, 8, words[0]);
        store_le(bytes + 8, 8, words[1]);
        machine.memory_write(PhysAddr{SmmuBench::kCommands + 16 * produced}, bytes, 16);
        machine.mmio_write(at(reg::CMDQ_PROD), 4, ++produced);
    };
    const auto wait = [&] {
        for (int i = 0; i < 100; ++i) {
            if (machine.mmio_read(at(reg::CMDQ_CONS), 4) == produced) return true;
        }
        return false;
    };
    bool synced = false;
    bool answered = false;
    std::uint64_t events = 0;
    kernel.spawn("driver", 0, [&] {
        kernel::DmaPlan plan;
        plan.buffers.push_back({Iova{SmmuBench::kIova + 4096}, 4096});
        machine.start_master("dma", plan);
        machine.sleep(us(5));
        issue(tests::smmu::command::sync(0));
        synced = wait();
        events = machine.mmio_read(at(reg::EVENTQ_PROD), 4);
        for (std::uint32_t i = 0; i < 2; ++i) {
            std::uint8_t record[32];
            machine.memory_read(PhysAddr{SmmuBench::kEvents + 32 * i}, record, 32);
            const auto words = tests::smmu::words_from_bytes<4>(record);
            CHECK(tests::smmu::event::STALL.get(words) == 1);
            const auto tag = static_cast<std::uint16_t>(tests::smmu::event::STAG.get(words));
            issue(tests::smmu::command::resume(StreamId{SmmuBench::kStream}, tag, tests::smmu::command::Resume::abort));
        }
        issue(tests::smmu::command::sync(0));
        answered = wait();
    });
    REQUIRE(soc.run() == soc::Outcome::finished);
    kernel.finish();
    CHECK(synced);
    CHECK(answered);
    CHECK(events == 2);
    const soc::SocStats stats = soc.stats();
    CHECK(stats.masters.at(0).faults == 2);
    CHECK(stats.masters.at(0).parts_fs[static_cast<std::size_t>(soc::Part::stall)] > 2 * us(4).fs);
    CHECK(stats.transactions_lost == 0);
}
