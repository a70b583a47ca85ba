// What an IOMMU in a foreign platform does beside being in time: cuts accesses, tells masters apart, answers debuggers,
// refuses what it cannot do, and depends on no order of SystemC's.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "tests/soc/child.hpp"
#include "tests/soc/foreign_platform.hpp"

namespace xlate::tests {

namespace {

using sc_core::SC_NS;

void quiet() {
    sc_core::sc_set_time_resolution(1, sc_core::SC_PS);
    sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_DO_NOTHING);
    sc_core::sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
}

ForeignAccess access_of(std::uint64_t address, std::uint32_t size, bool write = false) {
    ForeignAccess access;
    access.address = address;
    access.size = size;
    access.write = write;
    for (std::uint32_t i = 0; i < size && write; ++i) access.data.push_back(static_cast<std::uint8_t>(i * 7 + 1));
    return access;
}

std::string said(const soc::ProtocolChecker<>& checker) {
    std::string text;
    for (const std::string& violation : checker.violations()) text += violation + "\n";
    if (checker.open() != 0) text += "unfinished\n";
    return text;
}

/// A platform with one LT initiator, all of whose accesses are done.
struct Lt {
    explicit Lt(soc::IommuSetup setup = {}) : platform(std::move(setup)) {
        initiator.socket.bind(checker.target);
        checker.initiator.bind(platform.smmu.masters[0]);
        SmmuBench::install(platform, 64);
        SmmuBench::enable(platform);
    }
    ForeignPlatform platform;
    LtInitiator initiator{"initiator"};
    soc::ProtocolChecker<> checker{"in"};
};

std::string text_of(tlm::tlm_response_status status) {
    tlm_generic_payload payload;
    payload.set_response_status(status);
    return payload.get_response_string();
}

/// What elaboration says of a platform that `build` makes.
template <typename Build>
std::string elaborated(sc_core::sc_time_unit unit, Build&& build) {
    return in_child([&] {
        sc_core::sc_set_time_resolution(1, unit);
        sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_DO_NOTHING);
        try {
            build();
            return std::string("fine");
        } catch (const sc_core::sc_report& report) {
            return std::string(report.get_msg_type()) + ": " + report.get_msg();
        }
    });
}

}  // namespace

TEST_CASE("an access that crosses pages is cut, and answered as one") {
    const std::string text = in_child([] {
        quiet();
        Lt lt;
        // Two pages that lie apart: the third page and the fourth, by mapping; 6,000 bytes from the middle of a page
        // on.
        lt.initiator.accesses.push_back(access_of(SmmuBench::kIova + 2048, 6000, true));
        lt.initiator.accesses.push_back(access_of(SmmuBench::kIova + 2048, 6000));
        sc_core::sc_start();
        const auto& wrote = lt.initiator.accesses[0];
        const auto& read = lt.initiator.accesses[1];
        std::string result = said(lt.checker) + said(lt.platform.checker);
        if (read.data != wrote.data) result += "other bytes; ";
        return result + fmt::format("{} {} {}", text_of(wrote.status), text_of(read.status),
                                    lt.platform.memory.bytes.at(SmmuBench::kPages + 2048 + 5999) ==
                                        static_cast<std::uint8_t>(5999 * 7 + 1));
    });
    CHECK(text == "TLM_OK_RESPONSE TLM_OK_RESPONSE true");
}

TEST_CASE("byte enables go with each piece") {
    const std::string text = in_child([] {
        quiet();
        Lt lt;
        ForeignAccess write = access_of(SmmuBench::kIova + 4096 - 100, 200, true);
        write.enables = {0xFF, 0, 0xFF};  // a pattern that no page boundary divides
        lt.initiator.accesses.push_back(write);
        sc_core::sc_start();
        std::string result = said(lt.checker) + said(lt.platform.checker);
        for (unsigned i = 0; i < 200; ++i) {
            const auto at = lt.platform.memory.bytes.find(SmmuBench::kPages + 4096 - 100 + i);
            const bool written =
                at != lt.platform.memory.bytes.end() && at->second == static_cast<std::uint8_t>(i * 7 + 1);
            if (written != (i % 3 != 1)) result += std::to_string(i) + " ";
        }
        return result + "done";
    });
    CHECK(text == "done");
}

TEST_CASE("the answer to an access is that of its first piece that failed") {
    const std::string text = in_child([] {
        quiet();
        Lt lt;
        lt.platform.memory.fails_from = SmmuBench::kPages + 3 * 4096;  // a target's error passes
        lt.initiator.accesses.push_back(access_of(SmmuBench::kIova + 2 * 4096, 2 * 4096));
        ForeignAccess outside = access_of(SmmuBench::kIova + 64 * 4096 - 64, 128);  // the last page, and none behind it
        outside.says_attributes = true;
        lt.initiator.accesses.push_back(outside);
        lt.initiator.accesses.push_back(access_of(SmmuBench::kIova, 64));
        lt.platform.memory.fails_from = SmmuBench::kPages + 64 * 4096 - 1;
        sc_core::sc_start();
        std::string result = said(lt.checker) + said(lt.platform.checker);
        for (const ForeignAccess& access : lt.initiator.accesses)
            result += fmt::format("{} {:#x}; ", text_of(access.status), access.attributes.fault);
        return result;
    });
    CHECK(text == "TLM_OK_RESPONSE 0x0; TLM_ADDRESS_ERROR_RESPONSE 0x10; TLM_OK_RESPONSE 0x0; ");  // F_TRANSLATION
}

TEST_CASE("a debugger sees through the translation, and leaves no trace") {
    const std::string text = in_child([] {
        quiet();
        Lt lt;
        for (std::uint64_t i = 0; i < 8192; ++i)
            lt.platform.memory.bytes[SmmuBench::kPages + i] = static_cast<std::uint8_t>(i * 3);
        const auto debug = [&](std::uint64_t address, std::uint32_t size, bool write) {
            std::vector<std::uint8_t> data(size, 0x5A);
            tlm_generic_payload payload;
            payload.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
            payload.set_address(address);
            payload.set_data_ptr(data.data());
            payload.set_data_length(size);
            payload.set_streaming_width(size);
            const unsigned done = lt.initiator.socket->transport_dbg(payload);
            return std::make_pair(done, data);
        };
        const auto [done, data] = debug(SmmuBench::kIova + 4000, 200, false);  // over a page's end
        std::string result = std::to_string(done);
        for (unsigned i = 0; i < 200; ++i) {
            if (data[i] != static_cast<std::uint8_t>((4000 + i) * 3)) result += " wrong";
        }
        result += fmt::format(" {}", debug(SmmuBench::kIova + 5 * 4096, 16, true).first);
        result += fmt::format(" {:#x}", lt.platform.memory.bytes[SmmuBench::kPages + 5 * 4096 + 15]);
        result += fmt::format(" {}", debug(SmmuBench::kIova + 64 * 4096 - 8, 16, false).first);  // half of it is mapped
        result += fmt::format(" {}", debug(0, 16, false).first);
        sc_core::sc_start(sc_core::SC_ZERO_TIME);
        const soc::IommuStats stats = lt.platform.smmu.stats();
        result += fmt::format(" {} {} {} {} {} {}", stats.translations, stats.walks, stats.config_cache.lookups,
                              stats.walk_cache.lookups, stats.counter("events"), stats.faults);
        lt.initiator.accesses.push_back(access_of(SmmuBench::kIova, 64));
        return result;
    });
    CHECK(text == "200 16 0x5a 8 0 0 0 0 0 0 0");
}

TEST_CASE("DMI is refused, and said once") {
    const std::string text = in_child([] {
        quiet();
        Lt lt;
        static unsigned notes = 0;
        sc_core::sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_DISPLAY);
        sc_core::sc_report_handler::set_handler([](const sc_core::sc_report& report, const sc_core::sc_actions&) {
            if (std::string(report.get_msg_type()) == "xlate") ++notes;
        });
        std::string result;
        for (unsigned i = 0; i < 2; ++i) {
            tlm_generic_payload payload;
            payload.set_address(SmmuBench::kIova);
            tlm::tlm_dmi dmi;
            dmi.allow_read_write();
            result += lt.initiator.socket->get_direct_mem_ptr(payload, dmi) ? "granted " : "refused ";
            result += dmi.is_none_allowed() ? "none " : "some ";
        }
        return result + std::to_string(notes);
    });
    CHECK(text == "refused none refused none 1");
}

TEST_CASE("streams come from the extension, the function, the socket, in this order") {
    const std::string text = in_child([] {
        quiet();
        soc::IommuSetup setup;
        // Stream 3 is not in the table's first two entries: it has no valid STE.
        setup.masters.push_back({"m", 3, [](const tlm_generic_payload& payload) {
                                     return payload.get_address() < SmmuBench::kIova + 4096 ? 3U : SmmuBench::kStream;
                                 }});
        Lt lt(setup);
        ForeignAccess said_here = access_of(SmmuBench::kIova, 64);
        said_here.says_attributes = true;
        said_here.attributes.stream = SmmuBench::kStream;
        lt.initiator.accesses.push_back(access_of(SmmuBench::kIova, 64));         // the function: stream 3
        lt.initiator.accesses.push_back(access_of(SmmuBench::kIova + 4096, 64));  // the function: stream 1
        lt.initiator.accesses.push_back(said_here);                               // the extension: stream 1
        said_here.attributes.substream = 4;                                       // there are no substreams
        lt.initiator.accesses.push_back(said_here);
        sc_core::sc_start();
        std::string result;
        for (const ForeignAccess& access : lt.initiator.accesses)
            result += access.status == tlm::TLM_OK_RESPONSE ? "passes " : "is refused ";
        return result + said(lt.checker);
    });
    CHECK(text == "is refused passes passes is refused ");
}

TEST_CASE("privilege is the extension's") {
    const std::string text = in_child([] {
        quiet();
        Lt lt;
        namespace smmu = iommu::smmuv3;
        // The first page: for privileged accesses alone (AP[1] = 0).
        SmmuBench::store(lt.platform, SmmuBench::leaf_address(0),
                         SmmuBench::leaf(SmmuBench::kPages) & ~smmu::pte::AP1.of(1));
        ForeignAccess access = access_of(SmmuBench::kIova, 64);
        access.says_attributes = true;
        lt.initiator.accesses.push_back(access);
        access.attributes.privileged = true;
        lt.initiator.accesses.push_back(access);
        sc_core::sc_start();
        return fmt::format("{:#x} {:#x}", lt.initiator.accesses[0].attributes.fault,
                           lt.initiator.accesses[1].attributes.fault);
    });
    CHECK(text == "0x13 0x0");  // F_PERMISSION
}

TEST_CASE("back-pressure: END_REQ comes when there is room, and everything comes back") {
    for (const TargetStyle style : kTargetStyles) {
        for (const InitiatorStyle how : kInitiatorStyles) {
            CAPTURE(static_cast<int>(style), static_cast<int>(how));
            const std::string text = in_child([&] {
                quiet();
                soc::IommuSetup setup;
                setup.params.tbu.xlate_slots = 2;
                ForeignPlatform platform(setup, style);
                AtInitiator initiator("initiator", how);
                soc::ProtocolChecker<> checker("in");
                initiator.socket.bind(checker.target);
                checker.initiator.bind(platform.smmu.masters[0]);
                initiator.outstanding = 16;
                initiator.hold = how == InitiatorStyle::annotated ? sc_core::SC_ZERO_TIME : in_ps(2000);
                for (unsigned i = 0; i < 200; ++i) {
                    initiator.accesses.push_back(
                        access_of(SmmuBench::kIova + i * 5 % 64 * 4096 + i % 8 * 512, 512, i % 3 == 0));
                    initiator.accesses.back().gap = in_ps(how == InitiatorStyle::annotated ? 3000 : 1000);
                }
                SmmuBench::install(platform, 64);
                SmmuBench::enable(platform);
                sc_core::sc_start();
                std::string result = said(checker) + said(platform.checker);
                for (const ForeignAccess& access : initiator.accesses)
                    if (access.status != tlm::TLM_OK_RESPONSE) result += text_of(access.status);
                return result + fmt::format("{} {} {}", initiator.responses, initiator.freed, initiator.most > 2);
            });
            CHECK(text == "200 200 true");
        }
    }
}

TEST_CASE("b_transport beside nb_transport on one port") {
    const std::string text = in_child([] {
        quiet();
        // An initiator of both kinds: a thread that blocks while requests of the other kind are under way.
        struct Both : AtInitiator {
            SC_HAS_PROCESS(Both);
            explicit Both(const sc_core::sc_module_name& name) : AtInitiator(name, InitiatorStyle::completed) {
                SC_THREAD(block);
            }
            void block() {
                for (unsigned i = 0; i < 50; ++i) {
                    tlm_generic_payload payload;
                    std::uint8_t data[64];
                    payload.set_read();
                    payload.set_address(SmmuBench::kIova + i * 4096);
                    payload.set_data_ptr(data);
                    payload.set_data_length(64);
                    payload.set_streaming_width(64);
                    sc_time delay = in_ps(500);
                    socket->b_transport(payload, delay);
                    if (payload.is_response_ok() && delay == sc_core::SC_ZERO_TIME) ++blocked;
                }
            }
            unsigned blocked = 0;
        };
        ForeignPlatform platform({});
        Both initiator("initiator");
        soc::ProtocolChecker<> checker("in");
        initiator.socket.bind(checker.target);
        checker.initiator.bind(platform.smmu.masters[0]);
        initiator.outstanding = 4;
        for (unsigned i = 0; i < 100; ++i)
            initiator.accesses.push_back(access_of(SmmuBench::kIova + i * 64, 64, i % 2 == 0));
        SmmuBench::install(platform, 64);
        SmmuBench::enable(platform);
        sc_core::sc_start();
        return said(checker) + said(platform.checker) +
               fmt::format("{} {} {} {}", initiator.blocked, initiator.responses, checker.blocking(),
                           checker.nonblocking());
    });
    CHECK(text == "50 100 50 100");
}

TEST_CASE("a payload without bytes, or one that streams over a page's end, is a burst error") {
    const std::string text = in_child([] {
        quiet();
        Lt lt;
        lt.initiator.accesses.push_back(access_of(SmmuBench::kIova, 0));
        sc_core::sc_start();
        return text_of(lt.initiator.accesses[0].status);
    });
    CHECK(text == "TLM_BURST_ERROR_RESPONSE");
}

TEST_CASE("what breaks the protocol is said, with the name of the edge") {
    const std::string text = in_child([] {
        quiet();
        Lt lt;
        tlm_generic_payload payload;
        tlm::tlm_phase phase = tlm::BEGIN_REQ;
        sc_time delay;
        std::string result;
        const auto call = [&] {
            try {
                lt.checker.initiator->nb_transport_fw(payload, phase, delay);
                result += "fine; ";
            } catch (const sc_core::sc_report& report) {
                result += std::string(report.get_msg_type()) + ": " + report.get_msg() + "; ";
            }
        };
        call();
        phase = tlm::END_RESP;
        call();
        phase = tlm::END_REQ;
        call();
        return result;
    });
    CHECK(text ==
          "xlate/protocol: smmu.masters.m: nb_transport_fw with a payload that has no memory manager; "
          "xlate/protocol: smmu.masters.m: END_RESP of a payload whose response has not begun; "
          "xlate/protocol: smmu.masters.m: phase END_REQ on the forward path; ");
}

TEST_CASE("unbound sockets are one message at elaboration") {
    const std::string text = elaborated(sc_core::SC_PS, [] {
        soc::World world("world");
        soc::IommuSetup setup;
        setup.masters = {{"a", 1, {}}, {"b", 2, {}}};
        setup.params.one_port = true;
        soc::Iommu<> smmu("smmu", world, setup);
        LtInitiator initiator("initiator");
        initiator.socket.bind(smmu.masters[1]);
        sc_core::sc_start(sc_core::SC_ZERO_TIME);
    });
    CHECK(text == "xlate: smmu.masters_0 is not bound\nsmmu.registers is not bound\nsmmu.memory_0 is not bound");
}

TEST_CASE("a clock that the time resolution cannot express is refused in a sentence") {
    const auto build = [] {
        soc::IommuSetup setup;
        setup.params.clock = {333'333};  // 3 GHz, nearly
        ForeignPlatform platform(setup);
        LtInitiator initiator("initiator");
        initiator.socket.bind(platform.smmu.masters[0]);
        sc_core::sc_start(sc_core::SC_ZERO_TIME);
    };
    CHECK(elaborated(sc_core::SC_PS, build) ==
          "xlate: smmu: its clock period of 333333 fs cannot be expressed at SystemC's time resolution of 1 ps: call "
          "sc_core::sc_set_time_resolution(1, sc_core::SC_FS) before anything else");
    CHECK(elaborated(sc_core::SC_FS, build) == "fine");
}

TEST_CASE("parameters out of range are refused where the module is made") {
    const auto with = [](const std::function<void(soc::IommuSetup&)>& spoil) {
        return elaborated(sc_core::SC_PS, [&] {
            soc::World world("world");
            soc::IommuSetup setup;
            setup.masters = {{"a", 1, {}}};
            spoil(setup);
            soc::Iommu<> smmu("smmu", world, setup);
        });
    };
    CHECK(with([](auto& setup) { setup.family = "smuv3"; }) ==
          "xlate: smmu.family: there is no engine of 'smuv3'; expected one such as 'smmuv3'");
    CHECK(with([](auto& setup) { setup.params.tbu.xlate_slots = 0; }) ==
          "xlate: smmu.params.tbu.xlate_slots: 0 is out of range; expected 1 to 65536");
    CHECK(with([](auto& setup) {
              setup.masters.push_back({"a", 2, {}});
          }) == "xlate: smmu.masters: 'a' is empty or there twice; expected a name of its own");
    CHECK(with([](auto& setup) { setup.masters.clear(); }) ==
          "xlate: smmu.masters: no master stands before it; expected one or more");
}

TEST_CASE("partitions hold in a foreign platform, by the names of its sockets") {
    // "small" reads 16 pages round and round, "big" every page of 60: both by a TLB of 64 entries in the core.
    const auto walks = [](bool parted) {
        return in_child([&] {
            quiet();
            soc::IommuSetup setup;
            setup.params.tbu.micro_tlb.shape = {true, 1, 1, iommu::Replacement::lru};
            setup.params.tbu.main_tlb.shape.enabled = false;
            setup.params.tcu.tlb.shape = {true, 64, 4, iommu::Replacement::lru};
            if (parted) setup.params.partitions["kept"] = {{1, 4}, {"small"}};
            setup.masters = {{"small", SmmuBench::kStream, {}}, {"big", SmmuBench::kStream + 1, {}}};
            ForeignPlatform platform(setup);
            LtInitiator small("small"), big("big");
            small.socket.bind(platform.smmu.masters[0]);
            big.socket.bind(platform.smmu.masters[1]);
            SmmuBench::install(platform, 1024, 2);
            SmmuBench::enable(platform);
            for (unsigned n = 0; n < 320; ++n) {
                small.accesses.push_back(access_of(SmmuBench::kIova + n % 16 * 4096, 64));
                small.accesses.back().gap = in_ps(2'000'000);
            }
            for (unsigned n = 0; n < 4000; ++n) {
                big.accesses.push_back(access_of(SmmuBench::kIova + (16 + n % 1000) * 4096, 64));
                big.accesses.back().gap = in_ps(10'000);
            }
            sc_core::sc_start();
            return fmt::format("{}", platform.smmu.stats().walks);
        });
    };
    const auto count = [](const std::string& text) { return std::stoull(text); };
    // Each access of the big one walks in any case. In its part the small one walks for its 16 pages once.
    CHECK(count(walks(true)) == 4000 + 16);
    CHECK(count(walks(false)) > 4000 + 160);

    const auto with = [](std::vector<std::string> masters, std::optional<std::uint32_t> stream) {
        return elaborated(sc_core::SC_PS, [&] {
            soc::World world("world");
            soc::IommuSetup setup;
            setup.masters = {{"a", stream, {}}};
            setup.params.partitions["p"] = {{1, 4}, std::move(masters)};
            soc::Iommu<> smmu("smmu", world, setup);
        });
    };
    CHECK(with({"b"}, 1).find("xlate: smmu.params.partitions.p.masters: no master is called 'b'") == 0);
    // Whose stream the socket does not say cannot be in one.
    CHECK(with({"a"}, std::nullopt).find("no master is called 'a'") != std::string::npos);
}

TEST_CASE("every family stands alone: its accesses pass or are refused, its registers answer") {
    for (const iommu::Family& family : iommu::families()) {
        CAPTURE(std::string(family.name));
        const std::string text = in_child([&] {
            quiet();
            soc::IommuSetup setup;
            setup.family = family.name;
            setup.facts.register_bytes = {0x20000};
            ForeignPlatform platform(setup);
            LtInitiator initiator("initiator");
            soc::ProtocolChecker<> checker("in");
            initiator.socket.bind(checker.target);
            checker.initiator.bind(platform.smmu.masters[0]);
            for (unsigned i = 0; i < 4; ++i) initiator.accesses.push_back(access_of(0x1000, 64, i % 2 == 1));
            sc_core::sc_start(sc_time(1, sc_core::SC_MS));
            std::string result = said(checker) + said(platform.checker);
            for (const ForeignAccess& access : initiator.accesses)
                if (access.status == tlm::TLM_INCOMPLETE_RESPONSE) result += "no answer";
            return result + "done";
        });
        CHECK(text == "done");
    }
}

TEST_CASE("neither the order of construction nor that of ready processes changes a statistic") {
    // Four initiators, of both kinds, that meet at the same instants; the order in which they are made, and so the
    // order in which SystemC runs them, is shuffled, with idle processes between them.
    const auto shuffled = [](unsigned seed) {
        return in_child([&] {
            quiet();
            std::mt19937 random(seed);
            std::vector<unsigned> order{0, 1, 2, 3, 4, 5};
            if (seed != 0) std::shuffle(order.begin(), order.end(), random);
            struct Idle : sc_core::sc_module {
                SC_HAS_PROCESS(Idle);
                Idle(const sc_core::sc_module_name& name, double period_ps)
                    : sc_core::sc_module(name), period(in_ps(period_ps)) {
                    SC_THREAD(run);
                }
                void run() {
                    for (unsigned i = 0; i < 60; ++i) wait(period);
                }
                sc_time period;
            };
            soc::IommuSetup setup;
            setup.params.tbu.main_tlb.shape = {true, 8, 4, iommu::Replacement::lru};
            setup.params.tcu.walk_slots = 1;
            for (unsigned i = 0; i < 4; ++i)
                setup.masters.push_back({"m" + std::to_string(i), SmmuBench::kStream + i, {}});
            std::unique_ptr<ForeignPlatform> platform;
            std::vector<std::unique_ptr<LtInitiator>> lt(2);
            std::vector<std::unique_ptr<AtInitiator>> at(2);
            std::vector<std::unique_ptr<Idle>> idle;
            for (const unsigned which : order) {
                const std::string name = "initiator_" + std::to_string(which);
                if (which < 2) lt[which] = std::make_unique<LtInitiator>(name.c_str());
                if (which == 2 || which == 3)
                    at[which - 2] = std::make_unique<AtInitiator>(name.c_str(), kInitiatorStyles[which - 2]);
                if (which == 4) platform = std::make_unique<ForeignPlatform>(setup);
                if (which == 5) {
                    for (unsigned i = 0; i < seed % 4; ++i)
                        idle.push_back(std::make_unique<Idle>(("idle_" + std::to_string(i)).c_str(), 1000.0 * (i + 1)));
                }
            }
            SmmuBench::install(*platform, 64, 4);
            SmmuBench::enable(*platform);
            for (unsigned i = 0; i < 2; ++i) {
                lt[i]->socket.bind(platform->smmu.masters[i]);
                at[i]->socket.bind(platform->smmu.masters[2 + i]);
                at[i]->outstanding = 4;
                for (unsigned n = 0; n < 12; ++n) {
                    lt[i]->accesses.push_back(access_of(SmmuBench::kIova + (n * 7 + i) % 60 * 4096, 64, n % 4 == 0));
                    lt[i]->accesses.back().gap = in_ps(5000);
                    at[i]->accesses.push_back(access_of(SmmuBench::kIova + (n * 11 + i) % 60 * 4096, 64, n % 4 == 1));
                    at[i]->accesses.back().gap = in_ps(5000);
                }
            }
            sc_core::sc_start();
            const soc::IommuStats stats = platform->smmu.stats();
            return fmt::format("{:x} {} {} {} {}", platform->world.digest(), stats.translations, stats.walks,
                               stats.merged, stats.translation.max().fs);
        });
    };
    const std::string first = shuffled(0);
    REQUIRE(first.find("failed") == std::string::npos);
    constexpr unsigned kOrders = 1000;
    unsigned different = 0;
    for (unsigned seed = 1; seed <= kOrders; ++seed) different += shuffled(seed) == first ? 0 : 1;
    CHECK(different == 0);
}

}  // namespace xlate::tests
