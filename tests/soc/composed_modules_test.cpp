// Master, interconnect, IOMMU and memory as modules of their own, joined by sockets of the base protocol: the times of
// the same SoC from a config, and no rule of the protocol broken.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "soc/modules/interconnect.hpp"
#include "soc/modules/iommu.hpp"
#include "soc/modules/master.hpp"
#include "soc/modules/memory.hpp"
#include "soc/modules/pcie.hpp"
#include "soc/modules/protocol_checker.hpp"
#include "tests/soc/child.hpp"
#include "tests/soc/foreign_platform.hpp"

namespace xlate::tests {

namespace {

struct Times final : soc::TraceSink {
    void transaction(std::string_view, std::uint64_t number, std::uint64_t, bool, SimTime start, SimTime end,
                     bool fault) override {
        text += fmt::format("{} {} {}{}\n", number, start.fs / kFsPerPs, end.fs / kFsPerPs, fault ? " fault" : "");
    }
    void span(std::string_view, std::string_view, SimTime, SimTime, std::uint64_t) override {}
    void instant(std::string_view, std::string_view, SimTime, std::uint64_t) override {}
    std::string text;
};

soc::TrafficParams traffic_of(std::uint32_t outstanding) {
    soc::TrafficParams traffic;
    traffic.pattern = soc::Pattern::random;
    traffic.read_share = {1, 2};
    traffic.size_bytes = 256;
    traffic.outstanding = outstanding;
    traffic.transfers = 300;
    traffic.interval = ns(3);
    return traffic;
}

soc::MemoryParams memory_of(bool dram) {
    soc::MemoryParams memory;
    memory.latency = ns(60);
    if (dram) memory.dram = *soc::find_dram("ddr4-3200");
    return memory;
}

std::string of_config(std::uint32_t outstanding, bool translated, bool dram) {
    return in_child([&] {
        firmware::Description board = SmmuBench::board({"m"});
        if (!translated) {
            board.nodes[2].has_iommus = false;
            board.nodes[2].iommus.clear();
        }
        soc::SocConfig config;
        config.cpu.count = 1;
        config.memory = memory_of(dram);
        config.iommu.one_port = true;
        config.masters.push_back(SmmuBench::master("m", 2));
        config.masters[0].traffic = traffic_of(outstanding);
        Times times;
        soc::Soc soc(board, config);
        soc.set_trace(&times);
        SmmuBench::install(soc, 16);
        if (translated) SmmuBench::enable(soc);
        soc.start_master("m", Iova{translated ? SmmuBench::kIova : SmmuBench::kPages}, 16 * 4096);
        soc.run();
        return times.text;
    });
}

std::string of_modules(std::uint32_t outstanding, bool translated, bool dram, sc_core::sc_time_unit unit) {
    return in_child([&] {
        sc_core::sc_set_time_resolution(1, unit);
        sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_DO_NOTHING);
        soc::World world("world");
        // The names of random streams are those of masters: this one's is a config's "m".
        soc::Master<> master("m", world, traffic_of(outstanding), SmmuBench::kStream);
        soc::Interconnect<> interconnect("interconnect", world, {kFsPerNs}, soc::CrossbarParams{}, 1, 1);
        soc::MemoryTarget<> memory("memory", world, memory_of(dram));
        soc::IommuSetup setup;
        setup.register_base = SmmuBench::kRegisters;
        setup.params.one_port = true;
        setup.masters = {{"m", {}, {}}};  // the stream is in the payloads
        std::unique_ptr<soc::Iommu<>> smmu;
        std::unique_ptr<ForeignPlatform::Cpu> cpu;
        soc::ProtocolChecker<> first("first"), second("second"), third("third");
        master.socket.bind(first.target);
        if (translated) {
            smmu = std::make_unique<soc::Iommu<>>("smmu", world, setup);
            cpu = std::make_unique<ForeignPlatform::Cpu>("cpu");
            cpu->socket.bind(smmu->registers);
            first.initiator.bind(smmu->masters[0]);
            smmu->memory[0].bind(second.target);
        } else {
            first.initiator.bind(second.target);
        }
        second.initiator.bind(interconnect.from[0]);
        interconnect.to[0].bind(third.target);
        third.initiator.bind(memory.socket);
        interconnect.map(SmmuBench::kMemory, SmmuBench::kMemoryBytes, 0);
        struct Board {
            soc::MemoryTarget<>& memory;
            ForeignPlatform::Cpu* cpu;
            bool poke(PhysAddr address, const std::uint8_t* bytes, std::size_t size) {
                memory.bytes().write(address, bytes, size);
                return true;
            }
            void poke_register(PhysAddr address, unsigned size, std::uint64_t value) {
                std::uint8_t bytes[8];
                store_le(bytes, size, value);
                tlm_generic_payload payload;
                payload.set_write();
                payload.set_address(address.value);
                payload.set_data_ptr(bytes);
                payload.set_data_length(size);
                cpu->socket->transport_dbg(payload);
            }
        } board{memory, cpu.get()};
        Times times;
        master.set_trace(&times);
        SmmuBench::install(board, 16);
        if (translated) SmmuBench::enable(board);
        master.start(translated ? SmmuBench::kIova : SmmuBench::kPages, 16 * 4096);
        sc_core::sc_start();
        for (const auto* checker : {&first, &second, &third}) {
            for (const std::string& violation : checker->violations()) times.text += violation + "\n";
            if (checker->open() != 0) times.text += "unfinished\n";
        }
        return times.text;
    });
}

}  // namespace

TEST_CASE("modules joined by sockets have the times of the same SoC from a config") {
    for (const bool translated : {false, true}) {
        for (const bool dram : {false, true}) {
            for (const std::uint32_t outstanding : {1U, 4U}) {
                CAPTURE(translated, dram, outstanding);
                const std::string expected = of_config(outstanding, translated, dram);
                REQUIRE(std::count(expected.begin(), expected.end(), '\n') == 300);
                CHECK(of_modules(outstanding, translated, dram, sc_core::SC_FS) == expected);
            }
        }
    }
}

TEST_CASE("a PCIe link as a module has the times of a host bridge's, and its endpoints their streams") {
    soc::PcieParams pcie;
    pcie.max_payload = 128;
    pcie.nonposted_credits = 2;
    const auto of_config = [&](std::uint32_t outstanding) {
        return in_child([&] {
            firmware::Description board = SmmuBench::board({});
            SmmuBench::add_host_bridge(board, 0x500, 1, 1);
            soc::SocConfig config;
            config.cpu.count = 1;
            config.pcie = pcie;
            config.memory = memory_of(false);
            config.masters.push_back(SmmuBench::master("m", 2));
            config.masters[0].requester_id = 8;
            config.masters[0].traffic = traffic_of(outstanding);
            Times times;
            soc::Soc soc(board, config);
            soc.set_trace(&times);
            soc.start_master("m", Iova{SmmuBench::kPages}, 16 * 4096);
            soc.run();
            return times.text;
        });
    };
    const auto of_modules = [&](std::uint32_t outstanding) {
        return in_child([&] {
            sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
            sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_DO_NOTHING);
            soc::World world("world");
            soc::Master<> master("m", world, traffic_of(outstanding), 0);
            soc::PcieLink<> link("link", world, pcie, {{"m", 8}});
            soc::Interconnect<> interconnect("interconnect", world, {kFsPerNs}, soc::CrossbarParams{}, 1, 1);
            soc::MemoryTarget<> memory("memory", world, memory_of(false));
            soc::ProtocolChecker<> first("first"), second("second");
            master.socket.bind(first.target);
            first.initiator.bind(link.endpoints[0]);
            link.root.bind(second.target);
            second.initiator.bind(interconnect.from[0]);
            interconnect.to[0].bind(memory.socket);
            interconnect.map(SmmuBench::kMemory, SmmuBench::kMemoryBytes, 0);
            Times times;
            master.set_trace(&times);
            master.start(SmmuBench::kPages, 16 * 4096);
            sc_core::sc_start();
            for (const auto* checker : {&first, &second}) {
                for (const std::string& violation : checker->violations()) times.text += violation + "\n";
                if (checker->open() != 0) times.text += "unfinished\n";
            }
            return times.text;
        });
    };
    for (const std::uint32_t outstanding : {1U, 8U}) {
        CAPTURE(outstanding);
        const std::string expected = of_config(outstanding);
        REQUIRE(std::count(expected.begin(), expected.end(), '\n') == 300);
        CHECK(of_modules(outstanding) == expected);
    }
}

TEST_CASE("endpoints behind a PCIe link are told apart by an IOMMU, and ask it for translations") {
    const std::string text = in_child([] {
        sc_core::sc_set_time_resolution(1, sc_core::SC_PS);
        sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_DO_NOTHING);
        soc::IommuSetup setup;
        setup.masters = {{"pcie", {}, {}}};
        ForeignPlatform platform(setup);
        soc::PcieLink<> link("link", platform.world, {}, {{"known", SmmuBench::kStream}, {"other", 3}});
        LtInitiator known("known"), other("other");
        known.socket.bind(link.endpoints[0]);
        other.socket.bind(link.endpoints[1]);
        link.root.bind(platform.smmu.masters[0]);
        SmmuBench::install(platform, 64);
        SmmuBench::enable(platform);
        ForeignAccess access;
        access.address = SmmuBench::kIova;
        known.accesses.push_back(access);
        other.accesses.push_back(access);  // no valid STE
        sc_core::sc_start();
        std::string result;
        for (const LtInitiator* one : {&known, &other})
            result += one->accesses[0].status == tlm::TLM_OK_RESPONSE ? "passes " : "is refused ";
        return result;
    });
    CHECK(text == "passes is refused ");
    const auto said = [](const soc::PcieParams& params, const std::vector<soc::PcieEndpoint>& ends) {
        return in_child([&] {
            sc_core::sc_set_time_resolution(1, sc_core::SC_PS);
            sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_DO_NOTHING);
            try {
                soc::World world("world");
                soc::PcieLink<> link("link", world, params, ends);
                return std::string("fine");
            } catch (const sc_core::sc_report& report) {
                return std::string(report.get_msg());
            }
        });
    };
    soc::PcieParams params;
    params.max_payload = 100;
    CHECK(said(params, {{"a", 1}}) ==
          "link.max_payload: 100 is not a power of two from 128 to 4096; expected one, or 0");
    CHECK(said({}, {}) == "link.endpoints: none is there; expected one or more");
    CHECK(said({}, {{"a", 1}, {"a", 2}}) == "link.endpoints: 'a' is empty or there twice; expected a name of its own");
}

TEST_CASE("an interconnect refuses ranges that lie over one another, and targets that are not there") {
    const auto said = [](const std::function<void(soc::Interconnect<>&)>& map) {
        return in_child([&] {
            sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_DO_NOTHING);
            soc::World world("world");
            soc::Interconnect<> interconnect("bus", world, {kFsPerNs}, soc::CrossbarParams{}, 1, 2);
            try {
                map(interconnect);
                return std::string("fine");
            } catch (const sc_core::sc_report& report) {
                return std::string(report.get_msg());
            }
        });
    };
    CHECK(said([](auto& bus) { bus.map(0, 4096, 0), bus.map(4096, 4096, 1); }) == "fine");
    CHECK(said([](auto& bus) { bus.map(0, 4096, 0), bus.map(2048, 4096, 1); }) ==
          "bus: 0x800..0x17ff lies over 0x0..0xfff");
    CHECK(said([](auto& bus) { bus.map(0, 4096, 2); }) == "bus: 0x0..0xfff leads to target 2 of 2");
    CHECK(said([](auto& bus) { bus.map(0, 0, 0); }) ==
          "bus: 0x0..0xffffffffffffffff is empty or goes beyond the last address");
}

TEST_CASE("memory as a module refuses byte enables, and is read by a debugger") {
    const std::string text = in_child([] {
        sc_core::sc_set_time_resolution(1, sc_core::SC_PS);
        sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_DO_NOTHING);
        soc::World world("world");
        soc::MemoryParams params;
        soc::MemoryTarget<> memory("memory", world, params);
        LtInitiator initiator("initiator");
        initiator.socket.bind(memory.socket);
        ForeignAccess access;
        access.address = 0x1000;
        access.write = true;
        access.data = {1, 2, 3, 4};
        access.size = 4;
        initiator.accesses.push_back(access);
        access.enables = {0xFF, 0};
        initiator.accesses.push_back(access);
        sc_core::sc_start();
        std::uint8_t bytes[4] = {};
        tlm_generic_payload payload;
        payload.set_read();
        payload.set_address(0x1000);
        payload.set_data_ptr(bytes);
        payload.set_data_length(4);
        const unsigned done = initiator.socket->transport_dbg(payload);
        const ForeignAccess& first = initiator.accesses[0];
        return fmt::format("{} {} {} {} {}", (first.end - first.start).to_string(),
                           first.status == tlm::TLM_OK_RESPONSE,
                           initiator.accesses[1].status == tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE, done, bytes[3]);
    });
    CHECK(text == "60 ns true true 4 4");
}

}  // namespace xlate::tests
