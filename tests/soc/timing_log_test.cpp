#include <sstream>

#include <catch2/catch.hpp>

#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using tests::SmmuBench;

namespace {

/// What happened, a line each, in nanoseconds.
class TextLog final : public soc::TraceSink {
public:
    void transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write, SimTime start,
                     SimTime end, bool fault) override {
        text_ << device << " #" << number << (write ? " write " : " read ") << std::hex << iova << std::dec << " "
              << start.fs / kFsPerNs << ".." << end.fs / kFsPerNs << (fault ? " fault" : "") << "\n";
    }
    void span(std::string_view component, std::string_view what, SimTime start, SimTime end,
              std::uint64_t detail) override {
        text_ << component << " " << what << " " << std::hex << detail << std::dec << " " << start.fs / kFsPerNs << ".."
              << end.fs / kFsPerNs << "\n";
    }
    void instant(std::string_view component, std::string_view what, SimTime at, std::uint64_t) override {
        text_ << component << " " << what << " " << at.fs / kFsPerNs << "\n";
    }
    std::string text() const { return text_.str(); }

private:
    std::ostringstream text_;
};

soc::SocConfig gem5_like(std::uint64_t transfers, std::uint32_t outstanding) {
    soc::SocConfig config = SmmuBench::gem5_machine();
    config.iommu = *soc::iommu_preset("gem5-default");
    soc::MasterConfig master = SmmuBench::master("dma", 2);
    master.traffic.pattern = soc::Pattern::strided;
    master.traffic.transfers = transfers;
    master.traffic.outstanding = outstanding;
    config.masters.push_back(master);
    return config;
}

}  // namespace

// Read by hand. The first read: 1 port, 1 micro-TLB, 3 main TLB, 8 link = 13; 3 configuration cache, 2 x 34 STE and CD
// = 84; walk 114 = 8 walk cache + 1 + 3 x 35 -> 198; 8 link, 1 port = 207; 33 memory and back = 240.
// The second: the walk costs 40, no STE, no CD: 240 + 13 + 3 = 256, + 40 = 296, + 9 + 33 = 338.
// The third is a page that a micro-TLB entry covers: 1 + 1 + 1 + 33 = 36.
TEST_CASE("soc: the first three reads of a stride, nanosecond for nanosecond", "[soc][smmuv3]") {
    const firmware::Description board = SmmuBench::board({"dma"});
    soc::Soc soc{board, gem5_like(3, 1)};
    TextLog log;
    soc.set_trace(&log);
    SmmuBench::install(soc, 2);
    SmmuBench::enable(soc);
    soc.start_master("dma", Iova{SmmuBench::kIova}, 2 * 4096);
    REQUIRE(soc.run() == soc::Outcome::finished);
    CHECK(log.text() ==
          "9050000.smmuv3 walk 10000000 84..198\n"
          "dma #0 read 10000000 0..240\n"
          "9050000.smmuv3 walk 10001000 256..296\n"
          "dma #1 read 10001000 240..338\n"
          "dma #2 read 10000000 338..374\n");
}

// A TBU of its own parameters: 18 cycles to the TCU instead of 8, 13 back. Misses take 15 longer, their walk begins 10
// later; the hit costs what it did. The other TBU's parameters do not matter.
TEST_CASE("soc: the way to a far TBU is in each miss and in no hit", "[soc][smmuv3]") {
    const firmware::Description board = SmmuBench::board({"near", "far"});
    soc::SocConfig config = gem5_like(3, 1);
    config.masters.push_back(config.masters.front());
    config.masters[0].device = "near";
    config.masters[1].device = "far";
    config.masters[1].node = firmware::NodeIndex{3};
    config.iommu.tbus["far"] = config.iommu.tbus["near"] = config.iommu.tbu;
    config.iommu.tbus["far"].link_to_tcu = Cycles{18};
    config.iommu.tbus["far"].link_from_tcu = Cycles{13};
    config.iommu.tbus["near"].link_to_tcu = Cycles{70};
    soc::Soc soc{board, config};
    TextLog log;
    soc.set_trace(&log);
    SmmuBench::install(soc, 2, 2);
    SmmuBench::enable(soc);
    soc.start_master("far", Iova{SmmuBench::kIova}, 2 * 4096);
    soc.run();
    CHECK(log.text() ==
          "9050000.smmuv3 walk 10000000 94..208\n"
          "far #0 read 10000000 0..255\n"
          "9050000.smmuv3 walk 10001000 281..321\n"
          "far #1 read 10001000 255..368\n"
          "far #2 read 10000000 368..404\n");
}

// An unmapped page: the walk of the third page ends at its level-3 entry (invalid); the master hears of it when the
// answer has come back over the link, and one record of 32 bytes is in the event queue.
TEST_CASE("soc: an unmapped page ends in F_TRANSLATION for the master, for the record and for the statistics",
          "[soc][smmuv3]") {
    const firmware::Description board = SmmuBench::board({"dma"});
    soc::Soc soc{board, gem5_like(3, 1)};
    TextLog log;
    soc.set_trace(&log);
    SmmuBench::install(soc, 2);
    SmmuBench::enable(soc);
    soc.start_master("dma", Iova{SmmuBench::kIova}, 3 * 4096);
    REQUIRE(soc.run() == soc::Outcome::finished);
    CHECK(log.text() ==
          "9050000.smmuv3 walk 10000000 84..198\n"
          "dma #0 read 10000000 0..240\n"
          "9050000.smmuv3 walk 10001000 256..296\n"
          "dma #1 read 10001000 240..338\n"
          "9050000.smmuv3 walk 10002000 354..394\n"
          "dma #2 read 10002000 338..402 fault\n");
    const soc::SocStats stats = soc.stats();
    CHECK(stats.masters.at(0).faults == 1);
    CHECK(stats.masters.at(0).reads == 2);
    REQUIRE(stats.faults.size() == 1);
    CHECK(stats.faults[0].reason == "F_TRANSLATION");
    CHECK(stats.faults[0].iommu == "9050000.smmuv3");
    CHECK(stats.faults[0].device == "dma");
    CHECK(stats.faults[0].id == SmmuBench::kStream);
    CHECK(stats.faults[0].iova == SmmuBench::kIova + 2 * 4096);
    CHECK(stats.iommus.at(0).counter("events") == 1);
    CHECK(soc.peek_register(PhysAddr{SmmuBench::kRegisters + tests::smmu::reg::EVENTQ_PROD}, 4) == 1);
    std::uint8_t record[32];
    REQUIRE(soc.peek(PhysAddr{SmmuBench::kEvents}, record, sizeof record));
    const auto words = tests::smmu::words_from_bytes<4>(record);
    CHECK(tests::smmu::event::TYPE.get(words) == 0x10);
    CHECK(tests::smmu::event::SID.get(words) == SmmuBench::kStream);
    CHECK(tests::smmu::event::InputAddr.get(words) == SmmuBench::kIova + 2 * 4096);
}
