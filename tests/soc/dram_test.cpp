// A channel of DRAM: each named timing is kept to the cycle, and the bandwidths are those of the closed formulas.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "base/random.hpp"
#include "soc/bus/dram.hpp"
#include "tests/soc/child.hpp"

namespace xlate::tests {

namespace {

using soc::Dram;
using Command = Dram::Command;
using Given = Dram::Given;

struct Ask {
    std::uint64_t cycle;
    std::uint64_t address;
    bool write;
    std::uint32_t size = 64;
};

/// Sends accesses to a channel, each at its cycle or as soon as the door is open; notes when each is answered.
struct Feeder final : sc_core::sc_module, soc::Component, soc::Initiator {
    Feeder(const sc_core::sc_module_name& name, soc::Agenda& the_agenda, ClockPeriod with, std::vector<Ask> all)
        : sc_core::sc_module(name),
          Component("feeder"),
          port("port", *this, 0),
          agenda(the_agenda),
          clock(with),
          asks(std::move(all)) {
        agenda.add_component(*this);
        entry.bind<&Feeder::next>(this);
        answers.resize(asks.size());
    }
    void begin() {
        if (!asks.empty()) agenda.schedule(entry, SimTime{asks[0].cycle * clock.fs}, soc::Phase::arrive, *this);
    }
    void next() {
        while (at < asks.size() && port.free()) {
            const Ask& ask = asks[at];
            const SimTime wanted{ask.cycle * clock.fs};
            if (wanted > agenda.now()) {
                if (!entry.scheduled()) agenda.schedule(entry, wanted, soc::Phase::arrive, *this);
                return;
            }
            soc::Transaction& made = pool.take(ask.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND,
                                               PhysAddr{ask.address}, ask.size, false);
            made.number = at++;
            made.push_route(0);
            port.send(made);
        }
    }
    void on_accepted(unsigned) override { next(); }
    void on_response(unsigned, soc::Transaction& transaction) override {
        transaction.pop_route();
        answers[transaction.number] = agenda.now();
        last = agenda.now();
        pool.give_back(transaction);
    }
    soc::InitiatorPort port;
    soc::Agenda& agenda;
    ClockPeriod clock;
    std::vector<Ask> asks;
    std::size_t at = 0;
    soc::AgendaEntry entry;
    soc::TransactionPool pool;
    std::vector<SimTime> answers;
    SimTime last;
};

struct Done {
    std::vector<Given> commands;
    std::vector<SimTime> answers;
    soc::DramCounts counts;
    SimTime last;
};

/// In this process: once.
Done run(const soc::DramTimings& timings, std::vector<Ask> asks, std::uint32_t channels = 1) {
    sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
    soc::MemoryParams params;
    params.dram = timings;
    params.controller = {};
    params.channels = channels;
    Done done;
    soc::Agenda agenda("agenda");
    soc::PhysicalMemory bytes({});
    Dram dram("dram", "dram", agenda, params, bytes);
    Feeder feeder("feeder", agenda, timings.clock, std::move(asks));
    feeder.port.socket.bind(dram.port.socket);
    agenda.rank_components();
    agenda.run_ahead();
    dram.record(&done.commands);
    feeder.begin();
    sc_core::sc_start();
    done.answers = feeder.answers;
    done.counts = dram.counts();
    done.last = feeder.last;
    return done;
}

/// Nothing but data: every timing 1, no refresh. What a test is about it sets itself.
soc::DramTimings bare() {
    soc::DramTimings timings;
    for (const std::string_view name : soc::dram_timing_names()) *soc::dram_timing(timings, name) = 1;
    timings.clock = {1'000'000};
    timings.groups = 4;
    timings.banks = 4;
    timings.row_bytes = 1024;
    timings.burst = 1;
    timings.RTW = 0;
    timings.REFI = 0;
    timings.RFC = 0;
    return timings;
}

/// An address of a bank (of all), a row and a column, as Dram::place_of has it.
std::uint64_t address_of(const soc::DramTimings& t, std::uint32_t bank, std::uint64_t row, std::uint64_t column = 0) {
    const std::uint32_t group = bank / t.banks;
    const std::uint64_t low = (bank % t.banks) ^ (row % t.banks);
    return (((row * t.banks + low) * (t.row_bytes / t.burst_bytes) + column) * t.groups + group) * t.burst_bytes;
}

/// The rules of the standard, over everything that was given. Written from their definitions, not from the model.
std::string broken(const soc::DramTimings& t, const std::vector<Given>& commands) {
    std::string text;
    const auto rule = [&](const char* name, const Given& first, const Given& second, std::uint64_t least) {
        if (second.cycle - first.cycle < least)
            text += fmt::format("{}: {} after {} instead of {}\n", name, second.cycle, first.cycle, least);
    };
    std::vector<Given> activates;
    for (std::size_t j = 0; j < commands.size() && text.size() < 2000; ++j) {
        const Given& b = commands[j];
        if (j != 0 && b.cycle <= commands[j - 1].cycle) text += fmt::format("two commands at {}\n", b.cycle);
        if (b.command == Command::activate) {
            if (activates.size() >= 4) rule("tFAW", activates[activates.size() - 4], b, t.FAW);
            activates.push_back(b);
        }
        bool row_open = false, known = false;
        for (std::size_t i = j; i-- > 0 && commands[i].cycle + 2 * (t.RFC + 500) > b.cycle;) {
            const Given& a = commands[i];
            const bool bank = a.bank == b.bank, group = a.bank / t.banks == b.bank / t.banks;
            const bool read = a.command == Command::read, write = a.command == Command::write;
            const bool column = b.command == Command::read || b.command == Command::write;
            if (a.command == Command::refresh) {
                rule("tRFC", a, b, t.RFC);
                if (!known) known = true, row_open = false;
            } else if (b.command == Command::refresh) {
                if (a.command == Command::precharge) rule("tRP before refresh", a, b, t.RP);
            } else if (a.command == Command::activate) {
                if (b.command == Command::activate) rule("tRRD", a, b, group ? t.RRD_L : t.RRD_S);
                if (b.command == Command::activate && bank) rule("tRC", a, b, t.RAS + t.RP);
                if (b.command == Command::precharge && bank) rule("tRAS", a, b, t.RAS);
                if (column && bank) rule("tRCD", a, b, t.RCD);
                if (bank && !known) known = true, row_open = true;
            } else if (a.command == Command::precharge) {
                if (b.command == Command::activate && bank) rule("tRP", a, b, t.RP);
                if (bank && !known) known = true, row_open = false;
            } else if (read) {
                if (b.command == Command::read) rule("tCCD", a, b, std::max(group ? t.CCD_L : t.CCD_S, t.burst));
                if (b.command == Command::write && b.cycle + t.CWL < a.cycle + t.CL + t.burst + t.RTW)
                    text += fmt::format("tRTW: {} after {}\n", b.cycle, a.cycle);
                if (b.command == Command::precharge && bank) rule("tRTP", a, b, t.RTP);
            } else if (write) {
                if (b.command == Command::write)
                    rule("tCCD of writes", a, b, std::max(group ? t.CCD_L : t.CCD_S, t.burst));
                if (b.command == Command::read) rule("tWTR", a, b, t.CWL + t.burst + (group ? t.WTR_L : t.WTR_S));
                if (b.command == Command::precharge && bank) rule("tWR", a, b, t.CWL + t.burst + t.WR);
            }
        }
        if ((b.command == Command::read || b.command == Command::write) && known && !row_open)
            text += fmt::format("a column of a closed row at {}\n", b.cycle);
    }
    return text;
}

/// Cycles from the first command of a kind to the next one of another.
std::uint64_t gap(const std::vector<Given>& commands, Command first, Command second) {
    for (std::size_t i = 0; i < commands.size(); ++i) {
        if (commands[i].command != first) continue;
        for (std::size_t j = i + 1; j < commands.size(); ++j) {
            if (commands[j].command == second) return commands[j].cycle - commands[i].cycle;
        }
    }
    return 0;
}

struct Edge {
    const char* name;
    Command first, second;
    std::vector<Ask> (*asks)(const soc::DramTimings&);
    std::uint64_t (*gap)(const soc::DramTimings&, std::uint64_t value);
};

std::uint64_t itself(const soc::DramTimings&, std::uint64_t value) { return value; }
std::uint64_t after_write(const soc::DramTimings& t, std::uint64_t value) { return t.CWL + t.burst + value; }

}  // namespace

TEST_CASE("each named timing is kept to the cycle: at n, and not at n - 1") {
    // Two accesses that depend on one timing alone, all others being 1: the second command comes exactly then.
    const Edge edges[] = {
        {"tRCD", Command::activate, Command::read,
         [](const auto& t) -> std::vector<Ask> {
             return {{0, address_of(t, 0, 0), false}};
         },
         itself},
        {"tRAS", Command::activate, Command::precharge,
         [](const auto& t) -> std::vector<Ask> {
             return {{0, address_of(t, 0, 0), false}, {0, address_of(t, 0, 1), false}};
         },
         itself},
        {"tRP", Command::precharge, Command::activate,
         [](const auto& t) -> std::vector<Ask> {
             return {{0, address_of(t, 0, 0), false}, {0, address_of(t, 0, 1), false}};
         },
         itself},
        {"tRRD_S", Command::activate, Command::activate,
         [](const auto& t) -> std::vector<Ask> {
             return {{0, address_of(t, 0, 0), false}, {0, address_of(t, 4, 0), false}};
         },
         itself},
        {"tRRD_L", Command::activate, Command::activate,
         [](const auto& t) -> std::vector<Ask> {
             return {{0, address_of(t, 0, 0), false}, {0, address_of(t, 1, 0), false}};
         },
         itself},
        {"tCCD_S", Command::read, Command::read,
         [](const auto& t) -> std::vector<Ask> {
             return {{0, address_of(t, 0, 0), false},
                     {0, address_of(t, 4, 0), false},
                     {200, address_of(t, 0, 0), false},
                     {200, address_of(t, 4, 0), false}};
         },
         itself},
        {"tCCD_L", Command::read, Command::read,
         [](const auto& t) -> std::vector<Ask> {
             return {{0, address_of(t, 0, 0), false}, {0, address_of(t, 0, 0, 1), false}};
         },
         itself},
        {"tRTP", Command::read, Command::precharge,
         [](const auto& t) -> std::vector<Ask> {
             return {{0, address_of(t, 0, 0), false}, {0, address_of(t, 0, 1), false}};
         },
         itself},
        {"tWR", Command::write, Command::precharge,
         [](const auto& t) -> std::vector<Ask> {
             return {{0, address_of(t, 0, 0), true}, {0, address_of(t, 0, 1), true}};
         },
         after_write},
        {"tWTR_L", Command::write, Command::read,
         [](const auto& t) -> std::vector<Ask> {
             return {{0, address_of(t, 0, 0), true}, {2, address_of(t, 0, 0, 1), false}};
         },
         after_write},
        {"tWTR_S", Command::write, Command::read,
         [](const auto& t) -> std::vector<Ask> {
             return {{0, address_of(t, 0, 0), true}, {2, address_of(t, 4, 0), false}};
         },
         after_write},
        {"tRTW", Command::read, Command::write,
         [](const auto& t) -> std::vector<Ask> {
             return {{0, address_of(t, 0, 0), false}, {0, address_of(t, 0, 0, 1), true}};
         },
         [](const soc::DramTimings& t, std::uint64_t value) { return t.CL + t.burst + value - t.CWL; }},
    };
    for (const Edge& edge : edges) {
        for (const std::uint32_t value : {5U, 12U, 13U, 40U}) {
            CAPTURE(edge.name, value);
            soc::DramTimings timings = bare();
            *soc::dram_timing(timings, edge.name) = value;
            const std::string text = in_child([&] {
                const Done done = run(timings, edge.asks(timings));
                return std::to_string(gap(done.commands, edge.first, edge.second)) + broken(timings, done.commands);
            });
            CHECK(text == std::to_string(edge.gap(timings, value)));
        }
    }
}

TEST_CASE("four activates and the fifth, reads and their data, refresh") {
    SECTION("tFAW") {
        for (const std::uint32_t value : {9U, 34U}) {
            soc::DramTimings timings = bare();
            timings.FAW = value;
            const std::string text = in_child([&] {
                std::vector<Ask> asks;
                for (std::uint32_t bank = 0; bank < 5; ++bank) asks.push_back({0, address_of(timings, bank, 0), false});
                const Done done = run(timings, asks);
                std::vector<std::uint64_t> activates;
                for (const Given& given : done.commands)
                    if (given.command == Command::activate) activates.push_back(given.cycle);
                return std::to_string(activates.at(4) - activates.at(0));
            });
            CHECK(text == std::to_string(value));
        }
    }
    SECTION("a closed row: tRCD + tCL + burst; an open one: tCL + burst; another one: tRP before") {
        soc::DramTimings timings = *soc::find_dram("ddr4-3200");
        timings.REFI = 0;
        const std::string text = in_child([&] {
            const Done done = run(timings, {{0, address_of(timings, 0, 0), false},
                                            {1000, address_of(timings, 0, 0, 1), false},
                                            {2000, address_of(timings, 0, 1), false},
                                            {3000, address_of(timings, 0, 1), true}});
            std::string result;
            for (std::size_t i = 0; i < 4; ++i)
                result +=
                    fmt::format("{} ", done.answers[i].fs / timings.clock.fs - done.answers.size() * 0 - i * 1000);
            return result + fmt::format("{}", done.counts.row_hits);
        });
        CHECK(text == "48 26 70 0 2");  // 22 + 22 + 4; 22 + 4; 22 + 22 + 22 + 4; a write is answered when it is taken
    }
    SECTION("tREFI and tRFC") {
        soc::DramTimings timings = bare();
        timings.REFI = 200;
        timings.RFC = 50;
        const std::string text = in_child([&] {
            std::vector<Ask> asks;
            for (std::uint64_t i = 0; i < 1000; ++i) asks.push_back({i, address_of(timings, i % 16, 0), false});
            const Done done = run(timings, asks);
            std::string result = broken(timings, done.commands);
            std::uint64_t refreshes = 0, next = 0;
            for (std::size_t i = 0; i < done.commands.size(); ++i) {
                if (done.commands[i].command != Command::refresh) continue;
                ++refreshes;
                if (next == 0 && i + 1 < done.commands.size())
                    next = done.commands[i + 1].cycle - done.commands[i].cycle;
                // Rows are closed first: one precharge a cycle for each of 16 banks.
                const std::uint64_t late = done.commands[i].cycle - refreshes * 200;
                if (late > 16 + 2) result += fmt::format("refresh {} is {} late; ", refreshes, late);
            }
            return result + fmt::format("{} {}", refreshes >= 5, next);
        });
        CHECK(text == "true 50");
    }
}

TEST_CASE("random traffic of every preset keeps every rule") {
    for (const soc::DramTimings& preset : soc::dram_presets()) {
        CAPTURE(std::string(preset.name));
        const std::string text = in_child([&] {
            Rng random(7, "dram");
            std::vector<Ask> asks;
            std::uint64_t cycle = 0;
            for (unsigned i = 0; i < 3000; ++i) {
                cycle += random.below(12);
                asks.push_back(
                    {cycle, random.below(1 << 16) * 64, random.below(3) == 0, random.below(4) == 0 ? 256U : 64U});
            }
            const Done done = run(preset, asks);
            std::string result = broken(preset, done.commands);
            for (const SimTime answer : done.answers)
                if (answer.fs == 0) result += "no answer ";
            const std::uint64_t bursts = done.counts.reads + done.counts.writes;
            return result + (bursts >= 3000 && done.counts.refreshes != 0 ? "fine" : "nothing happened");
        });
        CHECK(text == "fine");
    }
}

TEST_CASE("bandwidth is that of the closed formulas, within 5 %") {
    for (const soc::DramTimings& preset : soc::dram_presets()) {
        CAPTURE(std::string(preset.name));
        const double refresh = 1.0 - static_cast<double>(preset.RFC) / preset.REFI;
        const double peak = static_cast<double>(preset.burst_bytes) / preset.burst;  // bytes a cycle
        const auto measured = [&](const std::function<std::uint64_t(unsigned)>& address) {
            const std::string text = in_child([&] {
                constexpr unsigned kAsks = 20'000;
                std::vector<Ask> asks;
                for (unsigned i = 0; i < kAsks; ++i) asks.push_back({0, address(i), false, preset.burst_bytes});
                const Done done = run(preset, asks);
                return fmt::format("{}", static_cast<double>(kAsks) * preset.burst_bytes *
                                             static_cast<double>(preset.clock.fs) / static_cast<double>(done.last.fs));
            });
            return std::stod(text);
        };
        SECTION(std::string("streaming ") + std::string(preset.name)) {
            CHECK(measured([&](unsigned i) { return std::uint64_t{i} * preset.burst_bytes; }) ==
                  Approx(peak * refresh).epsilon(0.05));
        }
        SECTION(std::string("a new row of the same bank each time ") + std::string(preset.name)) {
            const double expected =
                static_cast<double>(preset.burst_bytes) /
                std::max<std::uint32_t>(preset.RAS + preset.RP, preset.RCD + preset.RTP + preset.RP);
            CHECK(measured([&](unsigned i) { return address_of(preset, 0, i); }) ==
                  Approx(expected * refresh).epsilon(0.05));
        }
        SECTION(std::string("random rows of all banks ") + std::string(preset.name)) {
            // One activate for each burst: four in tFAW, one in tRRD_S, one of each bank in tRC; and the data bus.
            const double cycle =
                std::max({static_cast<double>(preset.burst), preset.FAW / 4.0, static_cast<double>(preset.RRD_S),
                          static_cast<double>(preset.RAS + preset.RP) / (preset.groups * preset.banks)});
            Rng random(3, "rows");
            std::vector<std::uint64_t> places;
            for (unsigned i = 0; i < 20'000; ++i)
                places.push_back(address_of(preset,
                                            static_cast<std::uint32_t>(random.below(preset.groups * preset.banks)),
                                            random.below(4096)));
            CHECK(measured([&](unsigned i) { return places[i]; }) ==
                  Approx(preset.burst_bytes / cycle * refresh).epsilon(0.05));
        }
    }
}

TEST_CASE("a channel of several knows its own rows") {
    const std::string text = in_child([] {
        sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
        soc::MemoryParams params;
        params.dram = *soc::find_dram("ddr4-3200");
        params.channels = 4;
        params.channel_bytes = 256;
        soc::Agenda agenda("agenda");
        soc::PhysicalMemory bytes({});
        Dram dram("dram", "dram", agenda, params, bytes);
        // Piece n of channel 0 lies where piece n / 4 of one channel would: the same four bursts, 16 rows later.
        std::string result;
        for (const std::uint64_t at : {0, 64, 1024, 1024 + 64}) {
            const soc::DramPlace place = dram.place_of(at);
            result += fmt::format("{}:{} ", place.group, place.row);
        }
        const std::uint64_t row = std::uint64_t{8192} * 4 * 4;  // bytes of all rows of the same number, of one channel
        return result + fmt::format("{}", dram.place_of(row * 4 * 3).row);
    });
    CHECK(text == "0:0 1:0 0:0 1:0 3");
}

}  // namespace xlate::tests
