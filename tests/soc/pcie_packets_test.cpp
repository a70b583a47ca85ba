// Packets and credits of a PCIe link, by hand: 8 bytes a ns, a header of 24, 100 ns each way, 33 ns from the root on.
#include <catch2/catch.hpp>

#include "tests/soc/plain_bench.hpp"

namespace xlate::tests {

namespace {

/// An endpoint behind a host bridge whose traffic no IOMMU translates.
std::string over_link(std::uint32_t size, bool write, const soc::PcieParams& pcie, std::uint32_t outstanding = 1,
                      std::uint64_t transfers = 1) {
    return in_child([&] {
        firmware::Description board = SmmuBench::board({});
        SmmuBench::add_host_bridge(board, 0x500, 1, 1);
        soc::SocConfig config = SmmuBench::gem5_machine();
        config.pcie = pcie;
        soc::MasterConfig master = SmmuBench::master("0000:00:01.0", 2);
        master.requester_id = 8;
        master.traffic.size_bytes = size;
        master.traffic.read_share = {write ? 0U : 1U, 1};
        master.traffic.outstanding = outstanding;
        master.traffic.transfers = transfers;
        master.traffic.interval = ns(2);
        config.masters.push_back(master);
        Taken taken;
        soc::Soc soc(board, config);
        soc.set_trace(&taken);
        soc.start_master("0000:00:01.0", Iova{SmmuBench::kPages}, 4096);
        soc.run();
        return taken.text;
    });
}

}  // namespace

TEST_CASE("each piece of an access has a header of its own") {
    soc::PcieParams pcie;
    CHECK(over_link(512, false, pcie) == "303 ");  // 3 up, 33, 67 down
    CHECK(over_link(512, true, pcie) == "303 ");   // 67 up, 33, 3 down
    pcie.max_read_request = 128;
    CHECK(over_link(512, false, pcie) == "312 ");  // four requests: 12 up
    CHECK(over_link(512, true, pcie) == "303 ");
    pcie.max_payload = 256;
    CHECK(over_link(512, false, pcie) == "315 ");  // two completions: 70 down
    CHECK(over_link(512, true, pcie) == "306 ");
}

TEST_CASE("a request waits for a credit of its kind") {
    soc::PcieParams pcie;
    pcie.nonposted_credits = 1;
    // A read of 64: 3 + 100 up, 33, 11 + 100 down. The next one starts when the root has passed the first on, at 103.
    CHECK(over_link(64, false, pcie, 4, 4) == "247 348 449 550 ");
    CHECK(over_link(64, true, pcie, 4, 4) == over_link(64, true, {}, 4, 4));
    pcie.nonposted_credits = 0;
    pcie.posted_credits = 1;
    CHECK(over_link(64, true, pcie, 4, 4) == "247 356 465 574 ");  // 11 + 100 up
    CHECK(over_link(64, false, pcie, 4, 4) == over_link(64, false, {}, 4, 4));
}

TEST_CASE("sizes of packets are those of PCIe") {
    soc::SocConfig config = one_master();
    config.pcie.max_payload = 64;
    CHECK(finding(config) == "soc.pcie.max_payload: 64 is out of range; expected 128 to 4096");
    config.pcie.max_payload = 0;
    config.pcie.max_read_request = 300;
    CHECK(finding(config) == "soc.pcie.max_read_request: 300 is not a power of two; expected a power of two");
}

}  // namespace xlate::tests
