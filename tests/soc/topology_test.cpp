#include <algorithm>

#include "soc/topology.hpp"

#include <catch2/catch.hpp>

#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using tests::SmmuBench;

namespace {

firmware::Description board_with_pci() {
    firmware::Description board = SmmuBench::board({"dma"});
    SmmuBench::add_host_bridge(board, 0x0, 0x100, 0x10);
    return board;
}

soc::MasterConfig function(const std::string& name, std::uint32_t requester_id) {
    soc::MasterConfig master = SmmuBench::master(name, 3);
    master.requester_id = requester_id;
    return master;
}

}  // namespace

TEST_CASE("topology: requester IDs become stream IDs by iommu-map, each host bridge has one TBU", "[soc]") {
    const firmware::Description board = board_with_pci();
    soc::SocConfig config;
    config.masters = {function("0000:00:01.0", 8), SmmuBench::master("dma", 2), function("0000:00:02.0", 0x10)};
    const soc::Topology topology = soc::make_topology(board, config);
    REQUIRE(topology.iommus.size() == 1);
    CHECK(topology.iommus[0].name == "9050000.smmuv3");
    CHECK(topology.iommus[0].tbus == std::vector<std::string>{"10000000.pcie", "dma"});
    CHECK(topology.masters[0].iommu == std::size_t{0});
    CHECK(value(topology.masters[0].stream) == 0x108);
    CHECK(value(topology.masters[1].stream) == SmmuBench::kStream);
    CHECK(topology.tbu_of[1] == 1);
    // Outside of the map: past the IOMMU.
    CHECK_FALSE(topology.masters[2].iommu);
    REQUIRE(topology.pcie.size() == 1);
    CHECK(topology.pcie[0].exits.size() == 2);
    CHECK(topology.warnings.empty());
}

TEST_CASE("topology: a disabled SMMU is not there, another IOMMU is said to be absent once", "[soc]") {
    firmware::Description board = board_with_pci();
    board.nodes[1].reachable = false;
    board.nodes[1].available = false;
    firmware::Node other;
    other.path = "/iommu@5000";
    other.name = "iommu@5000";
    other.compatible = {"nvidia,tegra20-mc-gart"};
    other.iommu_cells = 1;
    board.nodes.push_back(other);
    board.nodes[2].iommus[0].provider = firmware::NodeIndex{4};
    soc::SocConfig config;
    config.masters = {SmmuBench::master("dma", 2), function("0000:00:01.0", 8)};
    const soc::Topology topology = soc::make_topology(board, config);
    CHECK(topology.iommus.empty());
    CHECK_FALSE(topology.masters[0].iommu);
    CHECK_FALSE(topology.masters[1].iommu);
    REQUIRE(topology.warnings.size() == 2);
    CHECK(topology.warnings[0].find("nvidia,tegra20-mc-gart") != std::string::npos);
    CHECK(topology.warnings[1].find("not translated") != std::string::npos);
}

TEST_CASE("soc: memory goes on behind a register file that lies in it", "[soc]") {
    firmware::Description board = SmmuBench::board({"dma"});
    board.nodes[2].has_iommus = false;
    board.nodes[2].iommus.clear();
    board.memory = {{SmmuBench::kRegisters - 0x10000, 0x100000}};
    soc::SocConfig config;
    config.cpu.count = 1;
    config.masters = {SmmuBench::master("dma", 2)};
    config.masters[0].traffic.pattern = soc::Pattern::strided;
    config.masters[0].traffic.transfers = 32;
    soc::Soc soc(board, config);
    // Around the 128 KiB of registers: below, and from their end on.
    std::vector<std::uint64_t> offsets;
    for (std::uint64_t i = 0; i < 16; ++i) offsets.push_back(i * 0x1000);
    for (std::uint64_t i = 0; i < 16; ++i) offsets.push_back(0x30000 + i * 0x1000);
    soc.start_master("dma", Iova{SmmuBench::kRegisters - 0x10000}, 0x100000, offsets);
    soc.run();
    CHECK(soc.stats().masters[0].reads == 32);
    CHECK(soc.stats().masters[0].faults == 0);
}

TEST_CASE("soc: two modules at one address are a finding", "[soc]") {
    firmware::Description board = SmmuBench::board({"dma"});
    firmware::Node second = board.nodes[1];
    second.path = second.name = "/smmuv3@9060000";
    second.regs[0].address = *(second.regs[0].cpu_address = SmmuBench::kRegisters + 0x10000);
    board.nodes.push_back(second);
    const std::vector<Diagnostic> findings = soc::check(soc::SocConfig{}, board);
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].text() ==
          "/smmuv3@9060000: two at one address: registers of /smmuv3@9060000 (0x9060000 to 0x907ffff), registers of "
          "/smmuv3@9050000 (0x9050000 to 0x906ffff); expected addresses of its own");
    // Side by side they are fine; so are registers that are memory.
    board.nodes.back().regs[0].address = *(board.nodes.back().regs[0].cpu_address = SmmuBench::kRegisters + 0x20000);
    CHECK(soc::check(soc::SocConfig{}, board).empty());
    board.nodes.back().regs[0].address = *(board.nodes.back().regs[0].cpu_address = SmmuBench::kRegisters);
    soc::SocConfig inert;
    inert.iommu.inert = true;
    CHECK(soc::check(inert, board).empty());
}

TEST_CASE("topology: of two IOMMUs of a master the port is the first one's, or the last one's where that wins",
          "[soc]") {
    const auto attached_to = [](const char* compatible, const char* other) {
        firmware::Description board = SmmuBench::board({"dma"});
        for (const char* const name : {compatible, other}) {
            firmware::Node node;
            const unsigned number = static_cast<unsigned>(board.nodes.size());
            node.path = "/iommu@" + std::to_string(number) + "000";
            node.name = node.linux_name = "iommu@" + std::to_string(number) + "000";
            node.compatible = {name};
            node.iommu_cells = 1;
            node.available = node.reachable = true;
            firmware::Reg reg;
            reg.address = 0x7000000 + number * 0x1000;
            reg.cpu_address = reg.address;
            reg.size = 0x400;
            node.regs = {reg};
            board.nodes.push_back(node);
        }
        firmware::Node& dma = board.nodes[2];
        const firmware::IommuEntry entry = dma.iommus.front();
        dma.iommus = {entry, entry, entry};
        dma.iommus[0].provider = firmware::NodeIndex{3};
        dma.iommus[1].provider = dma.iommus[2].provider = firmware::NodeIndex{4};
        for (firmware::IommuEntry& one : dma.iommus) one.args = {1};
        soc::SocConfig config;
        config.masters = {SmmuBench::master("dma", 2)};
        const soc::Topology topology = soc::make_topology(board, config);
        REQUIRE(topology.masters[0].iommu);
        REQUIRE(topology.warnings.size() == 1);
        CHECK(topology.warnings[0].find("see none of it") != std::string::npos);
        return topology.iommus[*topology.masters[0].iommu].node;
    };
    CHECK(attached_to("allwinner,sun50i-h6-iommu", "allwinner,sun50i-h6-iommu") == firmware::NodeIndex{4});
    CHECK(attached_to("apple,t8103-dart", "apple,t8103-dart") == firmware::NodeIndex{3});
    CHECK(attached_to("allwinner,sun50i-h6-iommu", "apple,t8103-dart") == firmware::NodeIndex{3});
}

TEST_CASE("soc: endpoints behind one PCIe link share it, and reach memory through their own streams", "[soc]") {
    const firmware::Description board = board_with_pci();
    soc::SocConfig config;
    config.cpu.count = 1;
    config.masters = {function("0000:00:01.0", 8), function("0000:00:02.0", 0x10)};
    for (soc::MasterConfig& master : config.masters) master.traffic.transfers = 50;
    soc::Soc soc{board, config};
    // The SMMU is off: global bypass, so that both read the same physical page.
    soc.start_master("0000:00:01.0", Iova{SmmuBench::kMemory}, 4096);
    soc.start_master("0000:00:02.0", Iova{SmmuBench::kMemory}, 4096);
    REQUIRE(soc.run() == soc::Outcome::finished);
    const soc::SocStats stats = soc.stats();
    for (const soc::MasterStats& master : stats.masters) {
        CHECK(master.reads == 50);
        CHECK(master.latency.min() > ns(2 * 100 + 60));
        CHECK(master.parts_fs[static_cast<std::size_t>(soc::Part::link)] > 50 * ns(200).fs);
    }
    CHECK(stats.iommus.at(0).translations == 50);
    CHECK(stats.transactions_lost == 0);
}

TEST_CASE("soc config: what is out of range is named as the YAML names it", "[soc]") {
    soc::SocConfig config;
    config.memory.banks = 12;
    config.iommu.tbu.main_tlb.shape.ways = 7;
    config.iommus["/smmuv3@905000"] = soc::IommuParams{};
    config.masters = {SmmuBench::master("dma", 2), SmmuBench::master("dma", 2)};
    const std::vector<Diagnostic> findings = soc::check(config, SmmuBench::board({"dma"}));
    std::vector<std::string> paths;
    for (const Diagnostic& finding : findings) paths.push_back(finding.path);
    CHECK(paths == std::vector<std::string>{"soc.memory.banks", "soc.iommu.tbu.tlb.entries",
                                            "soc.iommus./smmuv3@905000", "traffic[1].device"});
    CHECK(findings[2].text().find("/smmuv3@9050000") != std::string::npos);
}

TEST_CASE("soc config: a TBU that is named has to be there", "[soc]") {
    soc::SocConfig config;
    config.masters = {SmmuBench::master("dma", 2)};
    config.iommu.tbus["dma"] = soc::PortParams{};
    CHECK(soc::check(config, SmmuBench::board({"dma"})).empty());
    config.iommu.tbus["dna"] = soc::PortParams{};
    config.iommu.tbus["dma"].xlate_slots = 0;
    config.iommus["/smmuv3@9050000"].tbus["dmb"] = soc::PortParams{};
    std::vector<std::string> texts;
    std::vector<std::string> paths;
    for (const Diagnostic& finding : soc::check(config, SmmuBench::board({"dma"}))) {
        paths.push_back(finding.path);
        texts.push_back(finding.text());
    }
    // The SMMU has parameters of its own: none of those for the others are about it.
    CHECK(paths == std::vector<std::string>{"soc.iommu.tbus.dma.xlate_slots", "soc.iommu.tbus.dma",
                                            "soc.iommu.tbus.dna", "soc.iommus./smmuv3@9050000.tbus.dmb"});
    REQUIRE_FALSE(texts.empty());
    CHECK(texts.back().find("'dma'") != std::string::npos);
}

TEST_CASE("soc config: a finding says what it expects once, under a key that the YAML has", "[soc]") {
    soc::SocConfig config;
    config.memory.banks = 12;
    config.memory.interleave_bytes = 3;
    config.interconnect.width_bytes = 0;
    config.iommu.tbu.link_to_tcu = Cycles{0};
    config.iommu.tbu.link_from_tcu = Cycles{0};
    config.iommu.tbu.main_tlb.shape.ways = 7;
    config.iommus["/smmuv3@905000"] = soc::IommuParams{};
    config.masters = {SmmuBench::master("dma", 2), SmmuBench::master("dma", 2)};
    config.masters[0].traffic.size_bytes = 0;
    config.masters[0].traffic.read_share = {2, 1};
    std::vector<std::string> paths;
    for (const Diagnostic& finding : soc::check(config, SmmuBench::board({"dma"}))) {
        INFO(finding.text());
        CHECK(finding.text().find("; expected ") != std::string::npos);
        CHECK(finding.text().find("expected expected") == std::string::npos);
        paths.push_back(finding.path);
    }
    CHECK(std::count(paths.begin(), paths.end(), "soc.iommu.tbu.link_to_tcu") == 1);
    CHECK(std::count(paths.begin(), paths.end(), "soc.iommu.tbu.link_from_tcu") == 1);
}
