#include "study/init/device/device_question.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "iommu/families.hpp"
#include "study/config/parameters.hpp"

namespace xlate::study {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = kKiB * kKiB;
constexpr std::uint64_t kGB = 1'000'000'000;
constexpr std::uint64_t kMostSet = std::uint64_t{16} << 30;
constexpr const char* kDefaultPreset = "mmu-600-like";

const std::vector<std::string> kPages{"scattered", "huge", "contiguous"};
const std::vector<std::string> kMappings{"once", "per-transfer", "ring"};

class Reader {
public:
    void wrong(const char* option, std::string what, std::string expected, std::string nearest = {}) {
        findings_.push_back({{option, {}, {}, {}}, "", std::move(what), std::move(expected), std::move(nearest)});
    }
    std::size_t choice(const char* option, const std::string& text, const std::vector<std::string>& names) {
        const auto found = std::find(names.begin(), names.end(), text);
        if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
        wrong(option, fmt::format("found '{}'", printable(text)), fmt::format("one of {}", fmt::join(names, ", ")),
              nearest_name(text, names).value_or(""));
        return 0;
    }
    std::uint64_t bytes(const char* option, const std::string& text, std::uint64_t low, std::uint64_t high) {
        const Parsed<std::uint64_t> parsed = parse_bytes(text);
        if (parsed && parsed.value() >= low && parsed.value() <= high) return parsed.value();
        wrong(option, fmt::format("found '{}'", printable(text)),
              fmt::format("a size from {} to {}", format_bytes(low), format_bytes(high)));
        return low;
    }
    std::uint64_t rate(const char* option, const std::string& text) {
        const Parsed<std::uint64_t> parsed = parse_bandwidth(text);
        if (parsed && parsed.value() >= 1'000'000) return parsed.value();
        wrong(option, fmt::format("found '{}'", printable(text)), "a rate from 1 MB/s such as '25 GB/s' or '100 Gb/s'");
        return kGB;
    }
    void finish() {
        if (!findings_.empty()) throw InputError(std::move(findings_), ExitStatus::usage);
    }

private:
    std::vector<Diagnostic> findings_;
};

std::vector<std::string> kind_names() {
    std::vector<std::string> names;
    for (const DeviceKind& kind : device_kinds()) names.push_back(kind.name);
    return names;
}

std::vector<std::string> family_names() {
    std::vector<std::string> names;
    for (const BoardFamily& family : board_families()) names.emplace_back(family.name);
    return names;
}

/// Shapes of an SMMUv3 are names for it, too.
bool is_smmuv3_preset(const std::string& text) {
    return text == kDefaultPreset || text == "gem5-default" || text == "tiny";
}

void read_iommu(const QuestionText& text, Reader& reader, DeviceQuestion& question) {
    std::vector<std::string> names = family_names();
    question.family = &board_families().front();
    const bool shape = is_smmuv3_preset(text.iommu);
    if (const BoardFamily* const family = find_board_family(text.iommu)) {
        question.family = family;
    } else if (!text.iommu.empty() && !shape) {
        for (const char* const preset : {kDefaultPreset, "gem5-default", "tiny"}) names.emplace_back(preset);
        reader.wrong("--iommu", fmt::format("found '{}'", printable(text.iommu)),
                     fmt::format("one of {}", fmt::join(names, ", ")), nearest_name(text.iommu, names).value_or(""));
    }
    const iommu::Family* const model = iommu::find_family(question.family->name);
    const bool own = model != nullptr && model->timing != nullptr;
    question.preset = shape ? text.iommu : own ? std::string(model->timing->name) : kDefaultPreset;
    if (!text.preset.empty()) {
        const std::vector<std::string> presets = soc::iommu_preset_names();
        if (shape && text.preset != text.iommu)
            reader.wrong("--preset", "--iommu names a preset already", "one of the two");
        question.preset = presets[reader.choice("--preset", text.preset, presets)];
    }
}

void check_board(const DeviceQuestion& question, Reader& reader) {
    if (question.is_pci() && !question.family->pci) {
        std::vector<std::string_view> with;
        for (const BoardFamily& family : board_families()) {
            if (family.pci) with.push_back(family.name);
        }
        reader.wrong("--device",
                     fmt::format("a {} is a PCI function, and none stands behind {}", question.kind.title,
                                 question.family->title),
                     fmt::format("gpu, display or dma; or --iommu {}", fmt::join(with, ", ")));
    }
    if (question.working_set_bytes > question.family->most_bytes())
        reader.wrong("--working-set",
                     fmt::format("{} are more than {} has room for", format_bytes(question.working_set_bytes),
                                 question.family->board),
                     fmt::format("at most {}", format_bytes(question.family->most_bytes())));
}

}  // namespace

bool QuestionText::empty() const {
    return device.empty() && rate.empty() && working_set.empty() && packet.empty() && pages.empty() &&
           mapping.empty() && iommu.empty() && preset.empty();
}

const std::vector<DeviceKind>& device_kinds() {
    static const std::vector<DeviceKind> kinds{
        {"nic",
         "NIC",
         "e1000e",
         soc::Pattern::random,
         {0, 1},
         "it receives: a write keeps its data until it is translated, the harder direction",
         kKiB,
         kKiB,
         256,
         256,
         25 * kGB,
         64 * kMiB},
        {"nvme",
         "NVMe drive",
         "nvme",
         soc::Pattern::random,
         {1, 2},
         "half reads, half writes",
         4 * kKiB,
         4 * kKiB,
         256,
         256,
         7 * kGB,
         64 * kMiB},
        {"gpu",
         "GPU",
         "",
         soc::Pattern::random,
         {3, 4},
         "three reads to a write",
         256,
         64 * kKiB,
         256,
         256,
         50 * kGB,
         256 * kMiB},
        {"display",
         "display controller",
         "",
         soc::Pattern::linear,
         {1, 1},
         "it only reads",
         256,
         64 * kKiB,
         256,
         32,
         2 * kGB,
         32 * kMiB},
        {"dma",
         "DMA engine",
         "",
         soc::Pattern::linear,
         {1, 2},
         "it copies",
         256,
         4 * kKiB,
         256,
         64,
         10 * kGB,
         16 * kMiB},
    };
    return kinds;
}

DeviceQuestion parse_question(const QuestionText& text) {
    Reader reader;
    DeviceQuestion question;
    const auto usual = [&question](const char* option, std::string value) {
        question.assumed.push_back(fmt::format("{} {}", option, value));
    };
    if (text.device.empty()) usual("--device", "nic");
    question.kind = device_kinds()[reader.choice("--device", text.device.empty() ? "nic" : text.device, kind_names())];
    const DeviceKind& kind = question.kind;
    question.rate_bytes_per_s = text.rate.empty() ? kind.rate_bytes_per_s : reader.rate("--rate", text.rate);
    if (text.rate.empty()) usual("--rate", fmt::format("'{}'", format_bandwidth(kind.rate_bytes_per_s)));
    question.working_set_bytes = text.working_set.empty()
                                     ? kind.working_set_bytes
                                     : reader.bytes("--working-set", text.working_set, 4 * kKiB, kMostSet);
    if (text.working_set.empty()) usual("--working-set", fmt::format("'{}'", format_bytes(kind.working_set_bytes)));
    using Mapping = DeviceQuestion::Mapping;
    question.mapping =
        static_cast<Mapping>(reader.choice("--mapping", text.mapping.empty() ? "once" : text.mapping, kMappings));
    // What a driver maps around a transfer is a buffer, not the line of it that the device fetches.
    const std::uint64_t usual_packet =
        question.mapping == Mapping::per_transfer
            ? std::min(kind.mapped_bytes, std::max(kind.packet_bytes, question.working_set_bytes))
            : kind.packet_bytes;
    question.packet_bytes = text.packet.empty() ? usual_packet : reader.bytes("--packet", text.packet, 64, 2 * kMiB);
    if (text.packet.empty()) usual("--packet", fmt::format("'{}'", format_bytes(usual_packet)));
    question.transaction_bytes = std::min(kind.transaction_bytes, question.packet_bytes);
    if (question.packet_bytes % question.transaction_bytes != 0) {
        reader.wrong("--packet",
                     fmt::format("{} are no whole number of transactions of {}", format_bytes(question.packet_bytes),
                                 format_bytes(question.transaction_bytes)),
                     fmt::format("less than that, or a multiple of it, such as '{}'",
                                 format_bytes(align_up(question.packet_bytes, question.transaction_bytes))));
    }
    if (question.packet_bytes > question.working_set_bytes)
        reader.wrong("--packet", "is larger than the working set", "a smaller one");
    using Pages = DeviceQuestion::Pages;
    question.pages =
        static_cast<Pages>(reader.choice("--pages", text.pages.empty() ? "scattered" : text.pages, kPages));
    if (text.pages.empty()) usual("--pages", "scattered");
    if (text.mapping.empty()) usual("--mapping", "once");
    read_iommu(text, reader, question);
    if (text.iommu.empty()) usual("--iommu", std::string(question.family->name));
    if (text.preset.empty() && !is_smmuv3_preset(text.iommu)) usual("--preset", question.preset);
    check_board(question, reader);
    reader.finish();
    return question;
}

void ask_question(QuestionText& text, const std::function<std::string(const std::string&, const std::string&)>& ask) {
    const auto fill = [&ask](std::string& field, const std::string& question, const std::string& usual) {
        if (!field.empty()) return;
        const std::string answer = ask(question, usual);
        field = answer.empty() ? usual : answer;
    };
    fill(text.device, fmt::format("Which device ({})?", fmt::join(kind_names(), ", ")), "nic");
    const auto& kinds = device_kinds();
    const auto known =
        std::find_if(kinds.begin(), kinds.end(), [&](const DeviceKind& k) { return k.name == text.device; });
    const DeviceKind& kind = known == kinds.end() ? kinds.front() : *known;
    fill(text.rate, "How fast?", format_bandwidth(kind.rate_bytes_per_s));
    fill(text.working_set, "Over how much memory?", format_bytes(kind.working_set_bytes));
    fill(text.packet, "How much at one place?", format_bytes(kind.packet_bytes));
    fill(text.pages, fmt::format("How does that memory lie ({})?", fmt::join(kPages, ", ")), "scattered");
    fill(text.mapping, fmt::format("When does its driver map it ({})?", fmt::join(kMappings, ", ")), "once");
    fill(text.iommu, fmt::format("Which IOMMU ({})?", fmt::join(family_names(), ", ")), "smmuv3");
    if (is_smmuv3_preset(text.iommu)) return;
    const iommu::Family* const model = iommu::find_family(text.iommu);
    const bool own = model != nullptr && model->timing != nullptr;
    fill(text.preset, "Of which shape and speed (a preset, as mmu-600-like or tiny)?",
         own ? std::string(model->timing->name) : kDefaultPreset);
}

}  // namespace xlate::study
