// Every recorded case of the RISC-V reference model (corpus/vectors): registers, translations, faults, commands.
// The format is that of the folder's README.
#include <fmt/format.h>

#include "tests/iommu/riscv_bench.hpp"
#include "tests/vectors.hpp"

namespace xlate::iommu::riscv {
namespace {

using nlohmann::json;
using tests::number;

/// Replays one case and collects what differs.
class Replay {
public:
    Replay(const json& file, const json& one, bool caches)
        : bench_(make_params(file, caches)), cached_(caches), name_(one.at("name").get<std::string>()) {
        bench_.memory.limit = number(file.at("params").at("memory_limit"));
        bench_.unit.poison(PhysAddr{one.contains("poison") ? number(one.at("poison")) : 0x3F00000000});
        flushes_ = file.at("set").get<std::string>().rfind("cmds", 0) != 0;
        for (const json& row : file.at("registers")) {
            bench_.write(static_cast<std::uint32_t>(number(row.at("offset"))), number(row.at("value")),
                         row.at("size").get<unsigned>());
        }
        for (const json& block : one.at("memory")) store(number(block[0]), block[1].get<std::string>());
        for (const json& step : one.at("steps")) play(step);
    }
    const std::vector<std::string>& differences() const { return differences_; }
    unsigned checked() const { return checked_; }

private:
    static RiscvParams make_params(const json& file, bool caches) {
        const json& params = file.at("params");
        RiscvParams made = bench_params(number(params.at("capabilities")), caches);
        made.wired = (number(params.at("fctl")) & 2) != 0;
        made.big_endian = (number(params.at("fctl")) & 1) != 0;
        made.max_ddt_levels = static_cast<std::uint8_t>(params.at("max_iommu_mode").get<unsigned>() - 1);
        return made;
    }
    template <typename A, typename B>
    void expect(const char* what, const A& ours, const B& recorded) {
        ++checked_;
        if (ours == static_cast<A>(recorded)) return;
        differ(fmt::format("{} {:#x}, recorded {:#x}", what, std::uint64_t(ours), std::uint64_t(recorded)));
    }
    void differ(const std::string& what) { differences_.push_back(fmt::format("{} step {}: {}", name_, index_, what)); }

    void store(std::uint64_t address, const std::string& hex) {
        for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
            bench_.memory.store(address + i / 2, std::stoul(hex.substr(i, 2), nullptr, 16), 1);
        }
    }

    void play(const json& step) {
        ++index_;
        const std::string op = step.at("op").get<std::string>();
        if (op == "w") return write(step);
        if (op == "r") {
            const auto offset = static_cast<std::uint32_t>(number(step.at("off")));
            return expect(fmt::format("register {:#x}", offset).c_str(),
                          bench_.read(offset, step.at("size").get<unsigned>()), number(step.at("value")));
        }
        if (op == "mem") return store(number(step.at("pa")), step.at("hex").get<std::string>());
        if (op == "dma") return dma(step);
        if (op == "dma_repeat") {
            repeated_ = step;
            done_ = 0;
            if (step.at("count").get<unsigned>() == 1) repeat();
            return;
        }
        if (op == "state") return state(step);
        if (op == "cmd") return command(step);
        if (op == "writes") return compare_writes(step.at("list"), bench_.fences);
        if (op == "fault") return compare_faults(step.at("list"));
        if (op == "page_request") return page_request(step);
        if (op == "inval_completion") {
            bench_.hold_fences = false;
            bench_.settle();
            expect("cqh", bench_.read(reg::CQH, 4), number(step.at("cqh")));
            return compare_writes(step.at("writes"), bench_.fences);
        }
        differ("an operation that this test does not know: " + op);
    }

    void write(const json& step) {
        const auto offset = static_cast<std::uint32_t>(number(step.at("off")));
        const unsigned size = step.at("size").get<unsigned>();
        const json& value = step.at("value");
        if (value.is_string() && value.get<std::string>().rfind("csr|", 0) == 0) {
            const std::uint64_t bits = std::stoull(value.get<std::string>().substr(4), nullptr, 0);
            bench_.hold_commands = true;  // the model takes commands only when it is told to
            return bench_.write(offset, bench_.read(offset, size) | bits, size);
        }
        bench_.write(offset, number(value), size);
    }

    Request request_of(const json& step) const {
        Request request;
        request.sid = StreamId{static_cast<std::uint32_t>(number(step.at("did")))};
        request.address = number(step.at("iova"));
        request.length = step.value("len", 4U);
        request.write = step.at("write").get<bool>();
        if (step.contains("pid")) request.ssid = SubstreamId{static_cast<std::uint32_t>(number(step.at("pid")))};
        request.privileged = step.contains("priv") && number(step.at("priv")) != 0;
        request.instruction = step.contains("exec") && number(step.at("exec")) != 0;
        request.no_write = step.contains("no_write") && number(step.at("no_write")) != 0;
        const std::string at = step.value("at", std::string());
        request.ats = at == "ats_request"  ? AtsType::translation_request
                      : at == "translated" ? AtsType::translated
                                           : AtsType::untranslated;
        return request;
    }

    void repeat() {
        Request request = request_of(repeated_);
        request.address += done_ * number(repeated_.at("stride"));
        ++done_;
        bench_.translate(request);
    }

    void state(const json& step) {
        if (step.contains("after_faults")) {
            while (done_ < step.at("after_faults").get<unsigned>()) repeat();
        } else if (step.value("note", std::string()).find("one more fault") != std::string::npos) {
            repeat();
        }
        expect("fqt", bench_.read(reg::FQT, 4), number(step.at("fqt")));
        expect("fqcsr", bench_.read(reg::FQCSR, 4), number(step.at("fqcsr")));
        if (step.contains("ipsr")) expect("ipsr", bench_.read(reg::IPSR, 4), number(step.at("ipsr")));
        bench_.take_faults();
    }

    void command(const json& step) {
        bench_.hold_commands = false;
        const Queue& queue = bench_.unit.registers.cq;
        auto at = static_cast<std::uint32_t>(bench_.read(reg::CQT, 4));
        for (const json& entry : step.at("entries")) {
            const std::uint64_t address = queue.address(at, kCommandBytes);
            bench_.memory.store(address, number(entry[0]));
            bench_.memory.store(address + 8, number(entry[1]));
            at = queue.next(at);
        }
        const bool answered = !step.contains("messages");
        bench_.hold_fences = !answered;
        bench_.write(reg::CQT, number(step.at("cqt")), 4);
        const json& after = step.at("after");
        expect("cqh", bench_.read(reg::CQH, 4), number(after.at("cqh")));
        expect("cqcsr", bench_.read(reg::CQCSR, 4), number(after.at("cqcsr")));
        expect("ipsr", bench_.read(reg::IPSR, 4), number(after.at("ipsr")));
        compare_writes(step.value("writes", json::array()), bench_.fences);
        compare_messages(step.value("messages", json::array()));
    }

    void compare_messages(const json& recorded) {
        std::size_t invalidation = 0, answer = 0;
        for (const json& message : recorded) {
            const std::uint64_t payload = number(message.at("payload"));
            const std::uint64_t stream =
                number(message.at("rid")) | (number(message.at("dsv")) != 0 ? number(message.at("dseg")) << 16 : 0);
            if (number(message.at("code")) == 1) {
                if (invalidation == bench_.endpoint_invalidations.size()) return differ("an invalidation is missing");
                const Invalidation& ours = bench_.endpoint_invalidations[invalidation++];
                expect("invalidated stream", value(stream_of(ours.stream)), stream);
                if ((payload >> 11 & 1) == 0) expect("invalidated page", ours.first, payload & ~low_mask(12));
            } else {
                if (answer == bench_.answers.size()) return differ("a page response is missing");
                const PageResponse& ours = bench_.answers[answer++];
                expect("answered stream", value(ours.sid), stream);
                expect("answered with a PASID", ours.ssid.has_value(), number(message.at("pv")) != 0);
                if (ours.ssid) expect("PASID", value(*ours.ssid), number(message.at("pid")));
                // PCIe's form carries the requester as destination; a command's goes as software wrote it.
                expect("response code", ours.code, cmd::PRG_CODE.get(payload));
                expect("group", ours.prg_index, cmd::PRG_INDEX.get(payload));
            }
        }
        expect("invalidations", bench_.endpoint_invalidations.size(), invalidation);
        expect("page responses", bench_.answers.size(), answer);
        bench_.endpoint_invalidations.clear();
        bench_.answers.clear();
    }

    void page_request(const json& step) {
        const std::uint64_t payload = number(step.at("payload"));
        namespace pr = riscv::page_request;
        PageRequest request;
        request.sid = StreamId{static_cast<std::uint32_t>(number(step.at("did")))};
        if (number(step.at("pv")) != 0) {
            request.ssid = SubstreamId{static_cast<std::uint32_t>(number(step.at("pid")))};
        }
        request.privileged = number(step.at("priv")) != 0;
        request.execute = number(step.at("exec")) != 0;
        request.read = pr::R.test(payload);
        request.write = pr::W.test(payload);
        request.last = pr::L.test(payload);
        request.prg_index = static_cast<std::uint16_t>(pr::PRGI.get(payload));
        request.address = payload & ~low_mask(12);
        bench_.pages.clear();
        bench_.unit.page_request(request);
        bench_.settle();
        const json& result = step.at("result");
        expect("page requests", bench_.pages.size(), result.at("pq").size());
        for (std::size_t i = 0; i < std::min(bench_.pages.size(), result.at("pq").size()); ++i) {
            expect("page request", bench_.pages[i][0], number(result.at("pq")[i][0]));
            expect("page request", bench_.pages[i][1], number(result.at("pq")[i][1]));
        }
        compare_messages(result.at("messages"));
        compare_faults(result.value("fault", json::array()));
    }

    void compare_writes(const json& recorded, std::vector<Bench::Write>& ours) {
        expect("writes", ours.size(), recorded.size());
        for (std::size_t i = 0; i < std::min(ours.size(), recorded.size()); ++i) {
            expect("written address", ours[i].address, number(recorded[i][0]));
            expect("written value", ours[i].value, number(recorded[i][1]));
        }
        ours.clear();
    }

    void compare_faults(const json& recorded) {
        const std::vector<FaultWords> ours = bench_.take_faults();
        expect("faults", ours.size(), recorded.size());
        for (std::size_t i = 0; i < std::min(ours.size(), recorded.size()); ++i) {
            for (unsigned word = 0; word < 4; ++word) {
                expect(fmt::format("fault word {}", word).c_str(), ours[i][word], number(recorded[i][word]));
            }
        }
        // Software reads them at once.
        bench_.write(reg::FQH, bench_.read(reg::FQT, 4), 4);
    }

    static std::string text_of(const Step& step) {
        return step.kind == StepKind::done ? fmt::format("{:#x}", step.result.pa.value) : "fault";
    }

    /// The model keeps the nine bits of an index of a directory's upper levels in eight: from 256 on it looks at
    /// another entry than the specification's, or finds a device id not too wide that is. There the specification is
    /// right.
    bool truncated_index(std::uint32_t did) const {
        const bool extended = bench_.unit.params().extended_context();
        const std::uint64_t mode = bench_.unit.registers.ddtp_mode();
        if (mode < ddtp::LVL1) return false;
        return device_index(1, extended).of(did) > 255 || device_index(2, extended).of(did) > 255;
    }

    void dma(const json& step) {
        if (flushes_ && cached_) bench_.unit.invalidate(Invalidation{});
        bench_.updates.clear();
        const Request request = request_of(step);
        const Step answer = bench_.translate(request);
        const json& result = step.at("result");
        // Not for us to follow: addresses above 56 bits through a stage that is Bare (R-BARE-WIDE, of which not every
        // access is marked).
        if (step.value("quirk", std::string()).find("R-BARE-WIDE") != std::string::npos ||
            (request.address >> 56 != 0 && bench_.slot->outcome().bare_first)) {
            bench_.take_faults();
            bench_.write(reg::FQH, bench_.read(reg::FQT, 4), 4);
            return;
        }
        if (step.value("cache_dependent", false)) {
            const std::string ours = text_of(answer);
            bool legal = false;
            for (const json& one : step.at("legal")) {
                const std::string text = one.get<std::string>();
                legal = legal || text == ours || (ours == "fault" && text == "blocked");
            }
            ++checked_;
            if (!legal) differ("none of the legal results: " + ours);
            bench_.take_faults();
            bench_.write(reg::FQH, bench_.read(reg::FQT, 4), 4);
            return;
        }
        if (truncated_index(value(request.sid))) {
            bench_.take_faults();
            bench_.updates.clear();
            bench_.write(reg::FQH, bench_.read(reg::FQT, 4), 4);
            return;
        }
        const std::string status = result.at("status").get<std::string>();
        expect("success", answer.kind == StepKind::done, status == "success");
        const Outcome& outcome = bench_.slot->outcome();
        if (answer.kind == StepKind::done && status == "success") {
            compare_success(answer.result, outcome, result, request);
        } else if (answer.kind == StepKind::fault && request.ats == AtsType::translation_request) {
            expect("unsupported request", outcome.unsupported_request, status == "UR");
        }
        compare_faults(result.value("fault", json::array()));
        compare_writes(result.value("writes", json::array()), bench_.updates);
    }

    void compare_success(const Result& ours, const Outcome& outcome, const json& result, const Request& request) {
        const bool no_access = result.value("no_access", false);
        expect("without rights",
               outcome.no_access ||
                   (request.ats == AtsType::translation_request && !outcome.readable && !outcome.writable),
               no_access);
        if (no_access) return;
        if (result.contains("mrif")) {
            const json& mrif = result.at("mrif");
            expect("MRIF address", outcome.mrif_address, number(mrif.at("addr")));
            expect("notice id", outcome.mrif_nid, number(mrif.at("nid")));
            expect("notice page", ours.entry.pa & ~low_mask(12), number(mrif.at("npa")) & ~low_mask(12));
        } else {
            // With T2GPA the answer of an ATS request is a guest address; the model gives the other one.
            expect("address", outcome.guest_address ? outcome.supervisor_address : ours.pa.value,
                   number(result.at("pa")));
        }
        expect("MSI", outcome.msi,
               result.contains("msi") && result.at("msi") != json(0) && result.at("msi") != json(false));
        expect("MRIF", outcome.mrif, result.contains("mrif"));
        expect("PBMT", outcome.pbmt, result.contains("pbmt") ? number(result.at("pbmt")) : 0);
        if (result.contains("ats")) {
            const json& ats = result.at("ats");
            expect("ATS R", outcome.readable, number(ats.at("R")) != 0);
            // Where the request itself has set D, the model still answers with the D of before.
            if (bench_.updates.empty()) expect("ATS W", outcome.writable, number(ats.at("W")) != 0);
            expect("ATS X", outcome.executable, number(ats.at("X")) != 0);
            expect("ATS U", outcome.mrif, number(ats.at("U")) != 0);
            // Of a stage that is Bare the model says global.
            if (!outcome.bare_first) expect("ATS global", outcome.global, number(ats.at("G")) != 0);
        }
        // What may be kept holds at least the recorded page, and no more where a table gave less.
        if (result.contains("size")) {
            const std::uint64_t size = number(result.at("size"));
            if (!outcome.msi) expect("size", std::uint64_t{1} << ours.entry.log2_bytes, size);
        }
    }

    Bench bench_;
    bool cached_;
    bool flushes_ = false;
    std::string name_;
    unsigned index_ = 0, checked_ = 0, done_ = 0;
    json repeated_;
    std::vector<std::string> differences_;
};

void replay_all(bool caches) {
    if (tests::skip_without("vectors")) return;
    const auto files = tests::vector_files("riscv_");
    unsigned cases = 0;
    for (const auto& path : files) {
        if (path.filename().string().find("crosscheck") != std::string::npos) continue;
        const json file = tests::read_vectors(path);
        if (file.value("family", std::string()) != "riscv-iommu") continue;
        unsigned different = 0;
        for (const json& one : file.at("cases")) {
            const Replay replay(file, one, caches);
            ++cases;
            if (replay.differences().empty()) continue;
            // The first of each case; and not thousands of them.
            if (++different <= 20) UNSCOPED_INFO(path.filename().string() << ": " << replay.differences().front());
        }
        INFO(path.filename().string() << ": " << different << " cases differ");
        CHECK(different == 0);
    }
    WARN(fmt::format("{} cases of {} files", cases, files.size()));
}

}  // namespace

TEST_CASE("riscv: every recorded case of the reference model agrees, without caches", "[iommu][riscv][corpus]") {
    replay_all(false);
    SUCCEED();
}

TEST_CASE("riscv: every recorded case of the reference model agrees, with caches", "[iommu][riscv][corpus]") {
    replay_all(true);
    SUCCEED();
}

}  // namespace xlate::iommu::riscv
