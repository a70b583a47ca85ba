#include "study/decode/decode.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "iommu/amd/iommu.hpp"
#include "iommu/intel/layout_registers.hpp"
#include "iommu/riscv/layout.hpp"
#include "iommu/smmuv3/layout.hpp"

namespace xlate::study {
namespace {

namespace smmu = iommu::smmuv3;

/// A hexadecimal word as it is written.
struct Token {
    std::uint64_t value = 0;
    std::size_t digits = 0;
    unsigned line = 0;
    unsigned column = 0;
};

/// "0x1f", or at least eight digits.
std::optional<Token> token_of(std::string_view text) {
    const bool prefixed = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const std::string_view digits = prefixed ? text.substr(2) : text;
    if (digits.empty() || digits.size() > 16 || (!prefixed && digits.size() < 8)) return std::nullopt;
    Token token;
    token.digits = digits.size();
    for (const char c : digits) {
        if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return std::nullopt;
        const int lower = std::tolower(static_cast<unsigned char>(c));
        token.value = (token.value << 4) | static_cast<std::uint64_t>(lower <= '9' ? lower - '0' : lower - 'a' + 10);
    }
    return token;
}

/// The words of a line that has nothing else; `start`: where its content begins.
std::optional<std::vector<Token>> words_of(std::string_view line, std::size_t start, unsigned number) {
    std::vector<Token> all;
    for (std::size_t at = start; at < line.size();) {
        if (std::isspace(static_cast<unsigned char>(line[at])) != 0 || line[at] == ',') {
            ++at;
            continue;
        }
        const std::size_t end = std::min(line.find_first_of(" \t\r,", at), line.size());
        std::optional<Token> token = token_of(line.substr(at, end - at));
        if (!token) return std::nullopt;
        token->line = number;
        token->column = static_cast<unsigned>(at + 1);
        all.push_back(*token);
        at = end;
    }
    return all;
}

/// The hexadecimal or plain number behind `key` in `line`.
std::optional<std::uint64_t> number_after(std::string_view line, std::string_view key) {
    const std::size_t found = line.find(key);
    if (found == std::string_view::npos) return std::nullopt;
    std::size_t at = found + key.size();
    while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
    std::size_t end = at;
    while (end < line.size() && std::isxdigit(static_cast<unsigned char>(line[end])) != 0) ++end;
    if (end == at + 1 && line[at] == '0' && end < line.size() && (line[end] == 'x' || line[end] == 'X')) {
        at = ++end;
        while (end < line.size() && std::isxdigit(static_cast<unsigned char>(line[end])) != 0) ++end;
    }
    if (end == at) return std::nullopt;
    const auto token = token_of("0x" + std::string(line.substr(at, end - at)));
    return token ? std::optional(token->value) : std::nullopt;
}

bool has(std::string_view line, std::string_view what) { return line.find(what) != std::string_view::npos; }

/// Lines of drivers whose hardware has no table here.
const char* foreign_family(std::string_view line) {
    if (has(line, "viommu") && has(line, "fault")) return "virtio-iommu";
    return nullptr;
}

class Finder {
public:
    Finder(std::string file, const RecordKind* kind) : file_(std::move(file)), kind_(kind) {}

    std::vector<DecodedRecord> find(const std::string& text) {
        std::istringstream stream(text);
        std::string line;
        unsigned number = 1;
        for (; std::getline(stream, line); ++number) take(line, number);
        if (heading_ != nullptr) take("end", number);
        flush();
        if (records_.empty()) {
            const std::string what = foreign_.empty()
                                         ? "no record is found"
                                         : fmt::format("a record of {}, whose records are not read", foreign_);
            throw refusal(foreign_line_, 0, what, "hexadecimal words, or a kernel's lines, of " + record_kind_names());
        }
        return std::move(records_);
    }

private:
    InputError refusal(unsigned line, unsigned column, std::string what, std::string expected) const {
        SourcePosition where{file_, {}, {}, {}};
        if (line != 0) where.line = line;
        if (line != 0 && column != 0) where.column = column;
        return InputError(Diagnostic{where, "", std::move(what), std::move(expected), ""});
    }
    void add(const RecordKind& kind, Words words, unsigned line, std::vector<std::string> said = {}) {
        SourcePosition where{file_, line, {}, {}};
        records_.push_back({&kind, std::move(words), where, std::move(said)});
    }
    void add(const char* kind, Words words, unsigned line, std::vector<std::string> said = {}) {
        add(*find_record_kind(kind), std::move(words), line, std::move(said));
    }

    void take(std::string_view line, unsigned number) {
        // Words stand at the end of a line, behind the driver's and the device's names.
        const std::size_t colon = line.rfind(": ");
        const std::size_t tab = line.rfind(":\t");
        std::size_t start = 0;
        if (colon != std::string_view::npos) start = colon + 2;
        if (tab != std::string_view::npos) start = std::max(start, tab + 2);
        // In a log, only words that a line before has announced are a record's; alone on their lines, all are.
        const bool alone = start == 0 || heading_ != nullptr || kind_ != nullptr;
        if (const auto words = alone ? words_of(line, start, number) : words_of_dump(line, number)) {
            run_.insert(run_.end(), words->begin(), words->end());
            const bool whole = heading_ != nullptr && run_.size() >= heading_->words;
            if (whole || (words->empty() && heading_ == nullptr)) flush();
            return;
        }
        if (heading_ != nullptr) {
            throw refusal(number, 0,
                          fmt::format("the {} that was announced ends after {} of {} words", heading_->title,
                                      run_.size(), heading_->words),
                          "its words, one after the other");
        }
        flush();
        take_sentence(line, number);
    }
    /// "0x80001000: 00000010 00000011": the address in front is none of the words.
    std::optional<std::vector<Token>> words_of_dump(std::string_view line, unsigned number) const {
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || !token_of(line.substr(0, colon))) return std::nullopt;
        return words_of(line, colon + 1, number);
    }
    void take_sentence(std::string_view line, unsigned number) {
        if (has(line, "event 0x") && has(line, "received")) {
            heading_ = find_record_kind("smmuv3.event");
        } else if (has(line, "command in error state")) {
            heading_ = find_record_kind("smmuv3.command");
        } else if (const auto active = number_after(line, "global error reported (")) {
            add("smmuv3.gerror", {*active}, number);
        } else if (const auto cons = number_after(line, "CMDQ error (cons ")) {
            add("smmuv3.cmdq-cons", {*cons}, number);
        } else if (has(line, "event: ") && has(line, " sid: ")) {
            take_named_event(line, number);
        } else if (!records_.empty() && named_event_ == records_.size() &&
                   (has(line, "priv ") && has(line, " stag: "))) {
            complete_named_event(line);
        } else if (has(line, "context fault") && has(line, "fsr=")) {
            Words words{number_after(line, "fsr=").value_or(0), number_after(line, "fsynr=").value_or(0),
                        number_after(line, "iova=").value_or(0)};
            if (const auto sid = number_after(line, "cbfrsynra=")) words.push_back(*sid);
            std::vector<std::string> said;
            if (const auto bank = number_after(line, " cb=")) said.push_back(fmt::format("context bank {:x}", *bank));
            add("smmuv2.context-fault", std::move(words), number, std::move(said));
            context_fault_ = number;
        } else if (const auto fsr = number_after(line, "FSR    =")) {
            if (context_fault_ + 1 != number) add("smmuv2.fsr", {*fsr}, number);
        } else if (const auto gfsr = number_after(line, "GFSR 0x")) {
            add("smmuv2.global-fault",
                {*gfsr, number_after(line, "GFSYNR0 0x").value_or(0), number_after(line, "GFSYNR1 0x").value_or(0)},
                number);
        } else if (const auto address = has(line, "of type ") ? number_after(line, "Page fault at ") : std::nullopt) {
            const bool write = has(line, "of type write");
            add("rockchip.status", {write ? 0x27U : 0x07U}, number, {fmt::format("at iova {:#x}", *address)});
        } else if (const auto where = has(line, "] ") ? number_after(line, " FAULT occurred at ") : std::nullopt) {
            take_exynos_fault(line, *where, number);
        } else if (const auto errs = has(line, " da:0x") ? number_after(line, "errs:0x") : std::nullopt) {
            add("omap.irqstatus", {*errs}, number, {fmt::format("at {:#x}", number_after(line, " da:0x").value_or(0))});
        } else if (const auto status = number_after(line, "translation fault: status:0x")) {
            take_dart_fault(line, *status, number);
        } else if (has(line, " devid: 0x") && has(line, " iotval: ")) {
            take_riscv_fault(line, number);
        } else if (has(line, "AMD-Vi: Event logged [")) {
            take_amd_event(line, number);
        } else if (has(line, "DMAR: ")) {
            take_vtd_line(line, number);
        } else if (const char* family = foreign_family(line); family != nullptr && foreign_.empty()) {
            foreign_ = family;
            foreign_line_ = number;
        }
    }
    /// "translation fault: status:0x83000004 stream:3 code:0x4 (NO PTE FOR IOVA) at 0x1000": which of the two codings
    /// it is, the code and its name say.
    void take_dart_fault(std::string_view line, std::uint64_t status, unsigned number) {
        constexpr std::pair<const char*, std::uint64_t> kNewer[] = {
            {"(NO PGD", 2}, {"(NO PMD", 4}, {"(NO PTE", 8}, {"(WRITE", 16}, {"(READ", 32}};
        const std::uint64_t code = number_after(line, " code:0x").value_or(0);
        const bool newer = std::any_of(std::begin(kNewer), std::end(kNewer),
                                       [&](const auto& one) { return code == one.second && has(line, one.first); });
        add(newer ? "dart.t8110-error" : "dart.error", {status}, number,
            {fmt::format("at iova {:#x}", number_after(line, " at 0x").value_or(0))});
    }
    /// "Fault 258 devid: 0x229 iotval: 44237600 iotval2: 0": the cause is a decimal number.
    void take_riscv_fault(std::string_view line, unsigned number) {
        namespace fault = iommu::riscv::fault;
        std::uint64_t cause = 0;
        for (std::size_t at = line.find("Fault ") + 6; at < line.size() && line[at] >= '0' && line[at] <= '9'; ++at) {
            cause = cause * 10 + static_cast<std::uint64_t>(line[at] - '0');
        }
        add("riscv.fault",
            {fault::CAUSE.of(cause) | fault::DID.of(number_after(line, "devid: 0x").value_or(0)), 0,
             number_after(line, " iotval: ").value_or(0), number_after(line, " iotval2: ").value_or(0)},
            number);
    }
    /// "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:1f.0 domain=0x0009 address=0xdeadb000 flags=0x0020]"; with a
    /// device in front of it the line itself names none.
    void take_amd_event(std::string_view line, unsigned number) {
        namespace amd = iommu::amd;
        namespace event = iommu::amd::event;
        constexpr std::string_view kStart = "Event logged [";
        constexpr Field kFlags{48, 12};
        const std::size_t start = line.find(kStart) + kStart.size();
        const std::string name(line.substr(start, line.find_first_of(" ]", start) - start));
        amd::EntryWords words{};
        for (std::uint16_t code = 1; code < 16; ++code) {
            if (name == amd::event_name(code)) words[0] = event::CODE.of(code);
        }
        if (words[0] == 0) return;
        const std::size_t said = line.find("device=");
        words[0] |= event::DEVICE.of(said != std::string_view::npos ? pci_id(line.substr(said + 7))
                                                                    : pci_id(line.substr(0, line.find("AMD-Vi:"))));
        const std::uint64_t pasid = number_after(line, "pasid=").value_or(0);
        words[0] |= event::DOMAIN_ID.of(number_after(line, "domain=").value_or(pasid)) |
                    event::PASID_19_16.of(pasid >> 16) | kFlags.of(number_after(line, "flags=").value_or(0));
        words[1] = number_after(line, "address=").value_or(0);
        add("amd-vi.event", {words[0], words[1]}, number);
    }
    /// "DMAR: [DMA Read NO_PASID] Request device [00:1f.0] fault addr 0xdeadb000 [fault reason 0x06] PTE Read access is
    /// not set"; with "[INTR-REMAP]" "fault index 0x12". Before 5.13 "PASID ffffffff fault addr deadb000 [fault reason
    /// 06]". With CONFIG_DMAR_DEBUG or DMAR_DEBUG lines of the tables follow.
    void take_vtd_line(std::string_view line, unsigned number) {
        namespace frcd = iommu::vtd::frcd;
        if (const auto root = number_after(line, "root entry: ")) return add("vt-d.root", {*root}, number);
        if (has(line, "context entry: ")) {
            const auto high = number_after(line, "hi "), low = number_after(line, "low ");
            if (high && low) add("vt-d.context", {*low, *high}, number);
            return;
        }
        const auto reason = number_after(line, "[fault reason ");
        const std::size_t device = line.find("Request device [");
        if (!reason || device == std::string_view::npos) return;
        constexpr std::uint64_t kNoPasid = 0xFFFFFFFF;
        const std::size_t close = line.find(']', device);
        std::uint64_t high =
            frcd::F.of(1) | frcd::FR.of(*reason) |
            frcd::SID.of(pci_id(line.substr(device, close == std::string_view::npos ? close : close - device)));
        if (const auto index = number_after(line, "fault index "); has(line, "INTR-REMAP") && index)
            return add("vt-d.fault", {frcd::INDEX.of(*index), high}, number);
        high |= frcd::T1.of(has(line, "DMA Read") ? 1 : 0);
        // "NO_PASID" has no number behind it that "PASID " would find.
        const auto pasid = number_after(line, " PASID ");
        if (pasid && *pasid != kNoPasid) high |= frcd::PP.of(1) | frcd::PV.of(*pasid);
        add("vt-d.fault", {frcd::page(number_after(line, "fault addr ").value_or(0)), high}, number);
    }
    /// The last "bb:dd.f" of `text`, up to a blank behind it.
    static std::uint64_t pci_id(std::string_view text) {
        for (std::size_t dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.', dot + 1)) {
            if (dot < 5 || dot + 1 >= text.size() || text[dot - 3] != ':') continue;
            const auto hex = [&](std::size_t at, std::size_t count) {
                const auto token = token_of("0x" + std::string(text.substr(at, count)));
                return token ? token->value : 0;
            };
            return hex(dot - 5, 2) << 8 | (hex(dot - 2, 2) & 31) << 3 | (hex(dot + 1, 1) & 7);
        }
        return 0;
    }
    /// "[WRITE] ACCESS PROTECTION FAULT occurred at 0x...": Linux names the fault, not its bit.
    void take_exynos_fault(std::string_view line, std::uint64_t where, unsigned number) {
        constexpr std::string_view kNames[] = {"PTW", "PAGE", "MULTI-HIT", "ACCESS PROTECTION", "SECURITY PROTECTION"};
        std::uint64_t causes = has(line, "] BUS ERROR FAULT") ? 1 : 0;
        for (unsigned i = 0; i < std::size(kNames); ++i) {
            if (has(line, fmt::format("] {} FAULT", kNames[i]))) causes |= std::uint64_t{1} << i;
        }
        if (has(line, "[WRITE] ")) causes <<= 16;
        add("exynos.int-v5", {causes}, number, {fmt::format("at iova {:#x}", where)});
    }
    /// A kernel from 6.14 on prints the fields of an event, not its words: they are put together again.
    void take_named_event(std::string_view line, unsigned number) {
        namespace event = smmu::event;
        const std::size_t start = line.find("event: ") + 7;
        const std::string_view name = line.substr(start, line.find(' ', start) - start);
        smmu::EventWords words{};
        for (unsigned code = 1; code < 256; ++code) {
            if (name == smmu::name(static_cast<smmu::EventCode>(code))) event::TYPE.set(words, code);
        }
        if (event::TYPE.get(words) == 0) return;
        event::SID.set(words, number_after(line, " sid: ").value_or(0));
        const std::uint64_t ssid = number_after(line, " ssid: ").value_or(0);
        event::SSID.set(words, ssid);
        event::SSV.set(words, ssid != 0 ? 1 : 0);
        event::InputAddr.set(words, number_after(line, " iova: ").value_or(0));
        event::IPA.set_address(words, number_after(line, " ipa: ").value_or(0));
        std::vector<std::string> said;
        if (const std::size_t client = line.find(" client: "); client != std::string_view::npos) {
            const std::size_t at = client + 9;
            said.push_back("of " + std::string(line.substr(at, line.find(' ', at) - at)));
        }
        add("smmuv3.event", {words.begin(), words.end()}, number, std::move(said));
        named_event_ = records_.size();
    }
    void complete_named_event(std::string_view line) {
        namespace event = smmu::event;
        smmu::EventWords words{};
        std::copy(records_.back().words.begin(), records_.back().words.end(), words.begin());
        event::PnU.set(words, has(line, "unpriv ") ? 0 : 1);
        event::InD.set(words, has(line, "inst ") ? 1 : 0);
        event::RnW.set(words, has(line, " read ") ? 1 : 0);
        event::S2.set(words, has(line, " s2 ") ? 1 : 0);
        event::STALL.set(words, has(line, " stall ") ? 1 : 0);
        event::CLASS.set(words, event::CLASS_IN);
        event::STAG.set(words, number_after(line, " stag: ").value_or(0));
        records_.back().words.assign(words.begin(), words.end());
        named_event_ = 0;
    }

    /// Two words in eight digits make one of 64 bits, if the record has such.
    static Words joined(const std::vector<Token>& run, std::size_t per_record) {
        const bool halves = std::all_of(run.begin(), run.end(), [](const Token& token) { return token.digits == 8; });
        Words words;
        if (halves && run.size() % 2 == 0 &&
            (per_record == 0 ? run.size() > 1 : run.size() % per_record != 0 || run.size() / 2 % per_record == 0)) {
            for (std::size_t i = 0; i < run.size(); i += 2) words.push_back(run[i].value | run[i + 1].value << 32);
        } else {
            for (const Token& token : run) words.push_back(token.value);
        }
        return words;
    }
    /// Ends a run of words.
    void flush() {
        const RecordKind* const kind = heading_ != nullptr ? heading_ : kind_;
        const std::vector<Token> run = std::exchange(run_, {});
        heading_ = nullptr;
        if (run.empty()) return;
        const unsigned line = run.front().line;
        if (kind != nullptr) {
            const Words words = kind->word_bits == 64 ? joined(run, kind->words) : joined_plain(run);
            if (words.size() % kind->words != 0) {
                throw refusal(run.back().line, run.back().column,
                              fmt::format("{} words are no whole {}", words.size(), kind->title),
                              fmt::format("{} words of {} bits a record", kind->words, kind->word_bits));
            }
            for (std::size_t at = 0; at < words.size(); at += kind->words)
                add(*kind,
                    Words(words.begin() + static_cast<std::ptrdiff_t>(at),
                          words.begin() + static_cast<std::ptrdiff_t>(at + kind->words)),
                    line);
            return;
        }
        guess(joined(run, 0), run);
    }
    static Words joined_plain(const std::vector<Token>& run) {
        Words words;
        for (const Token& token : run) words.push_back(token.value);
        return words;
    }
    void guess(const Words& words, const std::vector<Token>& run) {
        const unsigned line = run.front().line;
        bool found = false;
        const auto as = [&](const char* name) {
            const RecordKind& kind = *find_record_kind(name);
            if (words.size() % kind.words != 0) return;
            std::vector<Words> all;
            for (std::size_t at = 0; at < words.size(); at += kind.words) {
                all.emplace_back(words.begin() + static_cast<std::ptrdiff_t>(at),
                                 words.begin() + static_cast<std::ptrdiff_t>(at + kind.words));
                if (!kind.plausible(all.back())) return;
            }
            for (Words& one : all) add(kind, std::move(one), line);
            found = true;
        };
        as("smmuv3.event");
        as("smmuv3.ste");
        as("smmuv3.cd");
        if (!found && words.size() % 4 != 0) as("smmuv3.command");
        if (words.size() == 1) {
            as("smmuv3.pte");
            if (run.front().digits <= 8) as("smmuv3.gerror");
        }
        if (found) return;
        if (words.size() == 4) {
            add("smmuv3.event", words, line);
        } else if (words.size() == 2) {
            add("smmuv3.page-request", words, line);
        } else if (words.size() == 8) {
            add("smmuv3.ste", words, line);
            add("smmuv3.cd", words, line);
        } else {
            throw refusal(
                line, run.front().column,
                fmt::format("{} words are no record that has a shape of its own", words.size()),
                "1 (table entry), 2 (command), 4 (event record) or 8 (STE, CD), or a kind of " + record_kind_names());
        }
    }

    std::string file_;
    const RecordKind* kind_;
    const RecordKind* heading_ = nullptr;
    std::vector<Token> run_;
    std::vector<DecodedRecord> records_;
    std::size_t named_event_ = 0;
    unsigned context_fault_ = 0;
    std::string foreign_;
    unsigned foreign_line_ = 0;
};

std::string word_text(const RecordKind& kind, std::uint64_t word) {
    return kind.word_bits == 64 ? fmt::format("{:#018x}", word) : fmt::format("{:#010x}", word);
}

std::string_view family_of(const RecordKind* wanted) {
    for (const RecordFamily& family : record_families()) {
        for (const RecordKind& kind : family.kinds) {
            if (&kind == wanted) return family.name;
        }
    }
    return "";
}

}  // namespace

std::vector<DecodedRecord> find_records(const std::string& text, const std::string& file, const RecordKind* kind) {
    return Finder(file, kind).find(text);
}

std::string decode_text(const std::vector<DecodedRecord>& records) {
    std::string text;
    for (const DecodedRecord& record : records) {
        const Reading reading = record.kind->read(record.words);
        if (!text.empty()) text += "\n";
        text += fmt::format("{} ({})\n  {}\n", record.kind->title, record.where.text(), reading.headline);
        for (const std::string& line : record.said) text += "  " + printable(line) + "\n";
        for (const std::string& note : reading.notes) text += "  " + note + "\n";
        std::string line = " ";
        for (const std::uint64_t word : record.words) line += " " + word_text(*record.kind, word);
        text += line + "\n";
        line = " ";
        for (const std::string& field : field_texts(*record.kind, record.words)) {
            constexpr std::size_t kWidth = 110;
            if (line.size() + field.size() > kWidth) {
                text += line + "\n";
                line = " ";
            }
            line += " " + field + ";";
        }
        if (line.size() > 1) text += line.substr(0, line.size() - 1) + "\n";
    }
    return text;
}

nlohmann::ordered_json decode_json(const std::vector<DecodedRecord>& records) {
    using Json = nlohmann::ordered_json;
    Json all = Json::array();
    for (const DecodedRecord& record : records) {
        const Reading reading = record.kind->read(record.words);
        Json words = Json::array();
        for (const std::uint64_t word : record.words) words.push_back(word_text(*record.kind, word));
        Json fields = Json::object();
        for (const RecordField& field : record.kind->fields) fields[std::string(field.name)] = field.get(record.words);
        Json notes = record.said;
        for (const std::string& note : reading.notes) notes.push_back(note);
        all.push_back({{"family", family_of(record.kind)},
                       {"kind", record.kind->name},
                       {"file", record.where.file},
                       {"line", record.where.line ? Json(*record.where.line) : Json()},
                       {"words", std::move(words)},
                       {"reads", reading.headline},
                       {"notes", std::move(notes)},
                       {"fields", std::move(fields)}});
    }
    return {{"schema", "xlate.decode/1"}, {"records", std::move(all)}};
}

}  // namespace xlate::study
