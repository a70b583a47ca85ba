// Every recorded case of QEMU's AMD IOMMU (corpus/vectors): registers, commands, translations, events, interrupts, with
// and without caches. Where the recording departs from the specification (its quirks), the specification wins, which
// here is the flat walker: each access is held against it too, and each event bit by bit.
#include <set>

#include <fmt/format.h>

#include "tests/iommu/amd_bench.hpp"
#include "tests/iommu/amd_flat_walker.hpp"
#include "tests/vectors.hpp"

namespace xlate::iommu::amd {
namespace {

using nlohmann::json;
using tests::number;

std::string quirk_of(const json& one) { return one.contains("quirk") ? one.at("quirk").get<std::string>() : ""; }
bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

/// Of these the recorder's answer is not the specification's.
bool answer_is_the_recorders(const std::string& quirk) {
    for (const char* own : {"A-PERM-AND", "A-SKIP-BITS", "A-PTE-RSVD", "A-TV0", "A-MODE0-PERM", "A-MODE7",
                            "A-DEVTAB-SIZE", "A-INT-READ"}) {
        if (has(quirk, own)) return true;
    }
    return false;
}

/// Replays one case and collects what differs.
class Replay {
public:
    Replay(const json& file, const json& one, bool caches)
        : bench_(bench_params(number(file.at("caps").at("ext_feat")), caches)),
          name_(one.at("name").get<std::string>()),
          caches_(caches),
          masks_(has(quirk_of(one), "A-REGMASK")) {
        bench_.memory.holes = true;
        for (const json& block : one.at("memory")) store(block);
        for (const json& step : one.at("steps")) play(step);
    }
    std::vector<std::string> differences;
    unsigned checked = 0, left_out = 0;

private:
    void differ(const std::string& what) { differences.push_back(fmt::format("{} step {}: {}", name_, index_, what)); }
    template <typename A, typename B>
    void expect(const char* what, const A& ours, const B& recorded) {
        ++checked;
        if (ours == static_cast<A>(recorded)) return;
        differ(fmt::format("{} {:#x}, recorded {:#x}", what, std::uint64_t(ours), std::uint64_t(recorded)));
    }
    void store(const json& block) {
        const std::uint64_t address = number(block.at("pa"));
        const std::string hex = block.at("hex").get<std::string>();
        for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
            bench_.memory.store(address + i / 2, std::stoul(hex.substr(i, 2), nullptr, 16), 1);
        }
    }

    void play(const json& step) {
        ++index_;
        const std::string op = step.at("op").get<std::string>();
        if (op == "w") {
            log_differs_ =
                bench_.unit.registers.events.stopped && (log_differs_ || number(step.at("off")) == reg::EVT_HEAD);
            bench_.write(static_cast<std::uint32_t>(number(step.at("off"))), number(step.at("value")),
                         step.at("size").get<unsigned>());
            stores_.merge(waiting_);
        } else if (op == "r") {
            read(step);
        } else if (op == "mem") {
            store(step);
        } else if (op == "mem_expect") {
            expect_memory(step);
        } else if (op == "cmds") {
            commands(step);
        } else if (op == "dma") {
            access(step);
        } else if (op == "dma_repeat") {
            for (unsigned i = 0; i < step.at("count").get<unsigned>(); ++i) {
                bench_.translate(static_cast<std::uint32_t>(number(step.at("rid"))),
                                 number(step.at("addr")) + i * number(step.at("stride")), step.at("write").get<bool>());
            }
            bench_.take_events();
        } else if (op == "msi") {
            message(step);
        } else {
            differ("an operation that the test does not know: " + op);
        }
    }

    void read(const json& step) {
        const auto offset = static_cast<std::uint32_t>(number(step.at("off")));
        const bool of_log = offset == reg::EVT_TAIL || offset == reg::EVT_HEAD;
        if (masks_ || stopped_ || (log_differs_ && of_log && bench_.unit.registers.events.stopped)) {
            ++left_out;
            return;
        }
        check_status(offset, bench_.read(offset, step.at("size").get<unsigned>()), number(step.at("value")));
    }
    /// The recorder tells of an overflow only with the log's interrupt on, and its log never stops.
    void check_status(std::uint32_t offset, std::uint64_t ours, std::uint64_t recorded) {
        if (offset == reg::STATUS && bench_.unit.registers.events.stopped) {
            if (status::EVTRUN.test(ours)) differ("the log runs on after an overflow");
            const std::uint64_t apart = status::EVT_OVF.mask() | status::EVTRUN.mask();
            return expect("status", ours & ~apart, recorded & ~apart);
        }
        expect(offset == reg::STATUS ? "status" : "register", ours, recorded);
    }
    void expect_memory(const json& step) {
        const std::uint64_t address = number(step.at("pa"));
        const Registers& registers = bench_.unit.registers;
        // What it wrote in a case before is still in its log.
        const bool log_off = !registers.on(control::EVTLOG) && address == (registers.events.base & ring::BASE.mask());
        if (stopped_ || log_off) {
            ++left_out;
            return;
        }
        const std::string hex = step.at("hex").get<std::string>();
        for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
            const std::uint64_t at = address + i / 2;
            // Where nothing was to be stored in this case, its memory holds what a case before left.
            if (stores_.count(align_down(at, 8)) == 0) continue;
            expect("memory", bench_.memory.load(at, 1), std::stoul(hex.substr(i, 2), nullptr, 16));
        }
    }

    void commands(const json& step) {
        const std::string quirk = quirk_of(step);
        for (const json& entry : step.at("entries")) {
            for (unsigned i = 0; i < 4; ++i) {
                bench_.memory.store(number(entry.at("pa")) + 4 * i, number(entry.at("dw").at(i)), 4);
            }
            const std::uint64_t low = number(entry.at("dw").at(0)), high = number(entry.at("dw").at(1));
            if (high >> 28 != 1 || (low & 1) == 0) continue;
            const bool runs = number(step.at("after").at("head")) == number(step.at("tail"));
            (runs ? stores_ : waiting_).insert((high & 0xFFFFF) << 32 | (low & 0xFFFFFFF8));
        }
        if (stopped_) {
            ++left_out;
            return;
        }
        bench_.write(reg::CMD_TAIL, number(step.at("tail")));
        const auto events = bench_.take_events();
        if (has(quirk, "A-ILLEGAL-CONTINUES")) return illegal(step, events);
        // Entries of the device table are looked at when a device needs them.
        if (!events.empty()) differ("an event of a command");
        expect("head", bench_.read(reg::CMD_HEAD), number(step.at("after").at("head")));
        check_status(reg::STATUS, bench_.read(reg::STATUS), number(step.at("after").at("status")));
        if (step.contains("fault") && !has(quirk, "A-DTE-AT-INV")) differ("no event; one was recorded");
    }
    /// Rule: ILLEGAL_COMMAND with the command's address; the buffer stops there.
    void illegal(const json& step, const std::vector<Bench::Record>& events) {
        stopped_ = true;
        const Registers& registers = bench_.unit.registers;
        const std::uint64_t at = registers.commands.address(bench_.read(reg::CMD_HEAD));
        bool one_of_them = false;
        for (const json& entry : step.at("entries")) one_of_them = one_of_them || number(entry.at("pa")) == at;
        if (!one_of_them) differ("stops elsewhere");
        if (status::CMDRUN.test(bench_.read(reg::STATUS))) differ("runs on");
        if (events.size() != 1) return differ(fmt::format("{} events, not one", events.size()));
        expect("event", events[0][0], 0U);
        expect("event", events[0][1], 0x50000000U);
        expect("event", events[0][2] | std::uint64_t{events[0][3]} << 32, at);
    }

    void access(const json& step) {
        const json& result = step.at("result");
        if (result.contains("pieces")) {
            std::uint64_t address = number(step.at("addr"));
            for (const json& piece : result.at("pieces")) {
                json part = step;
                part["addr"] = fmt::format("{:#x}", address);
                part["result"] = {{"pa", piece.at("pa")}};
                access(part);
                address += number(piece.at("len"));
            }
            return;
        }
        const std::string quirk = quirk_of(step);
        FlatAccess what;
        what.device = static_cast<std::uint32_t>(number(step.at("rid")));
        what.address = number(step.at("addr"));
        what.write = step.at("write").get<bool>();
        const Step ours = bench_.translate(what.device, what.address, what.write);
        const auto events = bench_.take_events();
        const bool passes = ours.kind == StepKind::done;
        if (step.contains("cache_dependent")) {
            ++checked;
            bool legal = false;
            for (const json& one : step.at("legal")) {
                const std::string text = one.get<std::string>();
                legal = legal || (text.rfind("0x", 0) == 0 ? passes && number(one) == ours.result.pa.value : !passes);
            }
            if (!legal) differ(fmt::format("{:#x}, not one of {}", ours.result.pa.value, step.at("legal").dump()));
            return acknowledge();
        }
        // By the specification.
        FlatUnit unit;
        unit.devtab = bench_.read(reg::DEVTAB);
        unit.exclusion = bench_.read(reg::EXCL_BASE);
        unit.exclusion_limit = bench_.read(reg::EXCL_LIMIT);
        const FlatAnswer rule = flat_walk(unit, what, bench_.memory);
        expect("passes", passes, rule.passes);
        if (passes && rule.passes) expect("address", ours.result.pa.value, rule.pa);
        const bool log_runs = status::EVTRUN.test(bench_.read(reg::STATUS));
        if (log_runs) {
            expect("events", events.size(), rule.logged ? 1U : 0U);
            if (rule.logged && events.size() == 1) {
                for (unsigned i = 0; i < 4; ++i) expect("event", events[0][i], rule.event[i]);
            }
        }
        // By the recorder.
        if (result.contains("undetermined") || answer_is_the_recorders(quirk)) {
            ++left_out;
        } else if (result.contains("pa")) {
            if (!passes)
                differ("is refused; recorded: " + result.dump());
            else
                expect("address", ours.result.pa.value, number(result.at("pa")));
        } else {
            if (passes) differ(fmt::format("{:#x}; recorded: {}", ours.result.pa.value, result.dump()));
            if (result.contains("fault") && !passes && log_runs && !has(quirk, "A-PERM-NOLOG")) {
                const json& codes = result.at("fault").at("codes");
                if (events.empty() || codes.empty())
                    differ("no event");
                else
                    expect("code", events[0][1] >> 28, std::stoul(codes.at(0).get<std::string>(), nullptr, 16));
            }
            if (result.contains("fault") && result.at("fault").contains("head_written")) acknowledge();
        }
    }
    void acknowledge() { bench_.write(reg::EVT_HEAD, bench_.read(reg::EVT_TAIL)); }

    void message(const json& step) {
        const json& result = step.at("result");
        const std::uint64_t address = number(step.at("addr")), data = number(step.at("data"));
        const Step ours = bench_.message(static_cast<std::uint16_t>(number(step.at("rid"))), address,
                                         static_cast<std::uint32_t>(data));
        const auto events = bench_.take_events();
        acknowledge();
        const std::string note = step.contains("note") ? step.at("note").get<std::string>() : "";
        if (caches_ && (has(note, "TABLE: none") || has(note, "TABLE: other"))) {  // the entry of before is right too
            ++left_out;
            return;
        }
        const bool passes = ours.kind == StepKind::done;
        const InterruptOutcome& outcome = bench_.interrupt.outcome();
        if (has(quirk_of(step), "A-IR-PASS")) {  // rule: as it was
            expect("passes", passes && !outcome.remapped, true);
            expect("address", outcome.address, address);
            expect("data", outcome.data, data);
            return;
        }
        if (result.contains("blocked")) return expect("blocked", !passes, true);
        if (!passes) return differ("is blocked; recorded: " + result.dump());
        expect("address", outcome.address, number(result.at("out_addr")));
        // Level and trigger mode are of the form in which the recorder hands a message on.
        expect("data", outcome.data & 0x7FF, number(result.at("out_data")) & (outcome.remapped ? 0x7FF : 0xFFFF));
    }

    Bench bench_;
    std::string name_;
    bool caches_;
    bool masks_ = false;
    std::set<std::uint64_t> stores_;   ///< where COMPLETION_WAITs of this case have stored
    std::set<std::uint64_t> waiting_;  ///< where they will when the command buffer is turned on
    bool log_differs_ = false;         ///< it stands still since an overflow, where the recorder's went on
    bool stopped_ = false;             ///< by an illegal command, where the recorder went on
    int index_ = -1;
};

void replay_all(bool caches) {
    if (tests::skip_without("vectors")) return;
    const auto files = tests::vector_files("amd");
    tests::went_over(files.size(), "recording of the family amd");
    for (const auto& path : files) {
        const json file = tests::read_vectors(path);
        unsigned checked = 0, left_out = 0;
        std::vector<std::string> differences;
        for (const json& one : file.at("cases")) {
            const Replay replay(file, one, caches);
            differences.insert(differences.end(), replay.differences.begin(), replay.differences.end());
            checked += replay.checked;
            left_out += replay.left_out;
        }
        std::string said;
        for (std::size_t i = 0; i < differences.size() && i < 40; ++i) said += differences[i] + "\n";
        INFO(path.filename().string() << ": " << checked << " checked, " << left_out << " left out, "
                                      << differences.size() << " differ\n"
                                      << said);
        CHECK(differences.empty());
        CHECK(checked > 20 * file.at("cases").size());
        CHECK(left_out * 10 < checked);
    }
}

TEST_CASE("amd: every recorded case of another implementation, without caches", "[iommu][amd][vectors]") {
    replay_all(false);
}
TEST_CASE("amd: every recorded case of another implementation, with caches", "[iommu][amd][vectors]") {
    replay_all(true);
}

}  // namespace
}  // namespace xlate::iommu::amd
