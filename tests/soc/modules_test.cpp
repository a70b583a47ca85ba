// Our modules in a platform that is not ours: at every legal phase sequence, at several time resolutions, the latencies
// are those of the same SoC built from a config.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/soc/child.hpp"
#include "tests/soc/foreign_platform.hpp"

namespace xlate::tests {

namespace {

constexpr unsigned kAccesses = 60;

/// Where the n-th access goes: pages are met again, and missed.
std::uint64_t place(unsigned n) { return SmmuBench::kIova + (n * 7 % 23) * 4096 + n * 64 % 4096; }

std::string line(double ps_taken) { return fmt::format("{} ", static_cast<std::uint64_t>(ps_taken + 0.5)); }

struct Latencies final : soc::TraceSink {
    void transaction(std::string_view, std::uint64_t, std::uint64_t, bool, SimTime start, SimTime end,
                     bool fault) override {
        text += line(static_cast<double>((end - start).fs) / 1000);
        if (fault) text += "fault ";
    }
    void span(std::string_view, std::string_view, SimTime, SimTime, std::uint64_t) override {}
    void instant(std::string_view, std::string_view, SimTime, std::uint64_t) override {}
    std::string text;
};

soc::IommuParams params() {
    soc::IommuParams result = *soc::iommu_preset("mmu-600-like");
    result.one_port = true;
    result.tbu.micro_tlb.shape.entries = 4;
    result.tbu.main_tlb.shape = {true, 8, 4, iommu::Replacement::lru};
    return result;
}

/// The same SoC from a config: one access at a time, so that nothing but the path counts.
std::string of_config(unsigned outstanding, SimTime interval) {
    return in_child([&] {
        firmware::Description board = SmmuBench::board({"m"});
        soc::SocConfig config = SmmuBench::gem5_machine();
        config.iommu = params();
        config.masters.push_back(SmmuBench::master("m", 2));
        config.masters[0].traffic.outstanding = outstanding;
        config.masters[0].traffic.interval = interval;
        config.masters[0].traffic.transfers = kAccesses;
        Latencies latencies;
        soc::Soc soc(board, config);
        soc.set_trace(&latencies);
        SmmuBench::install(soc, 64);
        SmmuBench::enable(soc);
        std::vector<std::uint64_t> offsets;
        for (unsigned i = 0; i < kAccesses; ++i) offsets.push_back(place(i) - SmmuBench::kIova);
        soc.start_master("m", Iova{SmmuBench::kIova}, 64 * 4096, offsets);
        soc.run();
        return latencies.text;
    });
}

template <typename Initiator>
void plan(Initiator& initiator, sc_time gap) {
    for (unsigned i = 0; i < kAccesses; ++i) {
        ForeignAccess access;
        access.address = place(i);
        access.gap = gap;
        initiator.accesses.push_back(access);
    }
}

template <typename Initiator>
std::string outcome(const Initiator& initiator, const soc::ProtocolChecker<>& in, const soc::ProtocolChecker<>& out) {
    std::string text;
    for (const ForeignAccess& access : initiator.accesses) {
        text += line((access.end - access.start).to_seconds() * 1e12);
        if (access.status != tlm::TLM_OK_RESPONSE) text += "fault ";
        for (unsigned i = 0; i < access.size; ++i) {
            // What foreign_memory() put there.
            const std::uint64_t page = (access.address - SmmuBench::kIova) / 4096;
            if (!access.write && access.data[i] != static_cast<std::uint8_t>(page * 17 + (access.address + i) % 4096))
                return "wrong data at " + std::to_string(access.address + i);
        }
    }
    for (const auto* checker : {&in, &out}) {
        for (const std::string& violation : checker->violations()) text += "\n" + violation;
        if (checker->open() != 0) text += "\nunfinished";
    }
    return text;
}

void fill(ForeignPlatform& platform) {
    SmmuBench::install(platform, 64);
    SmmuBench::enable(platform);
    for (std::uint64_t page = 0; page < 24; ++page) {
        for (std::uint64_t i = 0; i < 4096; ++i) {
            platform.memory.bytes[SmmuBench::kPages + page * 4096 + i] = static_cast<std::uint8_t>(page * 17 + i);
        }
    }
}

void resolution(double value, sc_core::sc_time_unit unit) {
    sc_core::sc_set_time_resolution(value, unit);
    sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_DO_NOTHING);
    sc_core::sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
}

std::string lt(TargetStyle style, sc_core::sc_time_unit unit, bool decoupled) {
    return in_child([&] {
        resolution(1, unit);
        soc::IommuSetup setup;
        setup.params = params();
        ForeignPlatform platform(setup, style);
        LtInitiator initiator("initiator");
        soc::ProtocolChecker<> checker("in");
        initiator.socket.bind(checker.target);
        checker.initiator.bind(platform.smmu.masters[0]);
        initiator.decoupled = decoupled;
        plan(initiator, decoupled ? in_ps(1000) : sc_core::SC_ZERO_TIME);
        fill(platform);
        sc_core::sc_start();
        return outcome(initiator, checker, platform.checker);
    });
}

std::string at(TargetStyle style, InitiatorStyle how, sc_core::sc_time_unit unit, unsigned outstanding, sc_time gap) {
    return in_child([&] {
        resolution(1, unit);
        soc::IommuSetup setup;
        setup.params = params();
        ForeignPlatform platform(setup, style);
        AtInitiator initiator("initiator", how);
        soc::ProtocolChecker<> checker("in");
        initiator.socket.bind(checker.target);
        checker.initiator.bind(platform.smmu.masters[0]);
        initiator.outstanding = outstanding;
        plan(initiator, gap);
        fill(platform);
        sc_core::sc_start();
        std::string text = outcome(initiator, checker, platform.checker);
        if (initiator.freed != kAccesses) text += fmt::format("\n{} payloads were released", initiator.freed);
        return text;
    });
}

}  // namespace

TEST_CASE("a foreign platform has the latencies of the same SoC from a config") {
    const std::string expected = of_config(1, {});
    REQUIRE(std::count(expected.begin(), expected.end(), ' ') == kAccesses);
    for (const sc_core::sc_time_unit unit : {sc_core::SC_FS, sc_core::SC_PS}) {
        for (const TargetStyle style : kTargetStyles) {
            CAPTURE(static_cast<int>(unit), static_cast<int>(style));
            CHECK(lt(style, unit, false) == expected);
            CHECK(lt(style, unit, true) == expected);
            for (const InitiatorStyle how : kInitiatorStyles) {
                CAPTURE(static_cast<int>(how));
                CHECK(at(style, how, unit, 1, sc_core::SC_ZERO_TIME) == expected);
            }
        }
    }
}

}  // namespace xlate::tests
