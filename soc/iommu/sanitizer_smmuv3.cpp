// The sanitizer beside an SMMUv3. Source: docs/sanitizer.md.
#include <fmt/format.h>

#include "iommu/smmuv3/invalidation.hpp"
#include "iommu/smmuv3/shadow.hpp"
#include "iommu/smmuv3/slot.hpp"
#include "kernel-model/core/machine.hpp"
#include "soc/bus/transaction.hpp"
#include "soc/iommu/device.hpp"
#include "soc/iommu/sanitizer_unit.hpp"

namespace xlate::soc {

using iommu::Invalidation;
using iommu::ShadowOrigin;
using iommu::smmuv3::Regime;
using iommu::smmuv3::Shadow;
using iommu::smmuv3::ShadowEntry;
using iommu::smmuv3::ShadowKind;
using iommu::smmuv3::ShadowMiss;
using iommu::smmuv3::ShadowRule;
using iommu::smmuv3::ShadowViolation;
namespace space_tag = iommu::smmuv3::space_tag;

namespace {

/// Of a translation of an SMMUv3.
const iommu::smmuv3::StreamConfig& config_of(const TranslationJob& job) {
    return static_cast<const iommu::smmuv3::Slot&>(*job.engine).engine().config();
}

const char* miss_text(ShadowMiss miss) {
    switch (miss) {
        case ShadowMiss::none_given:
            return "";
        case ShadowMiss::not_synced:
            return "no SYNC behind it has completed";
        case ShadowMiss::too_early:
            return "it came before the change";
        case ShadowMiss::other_asid:
            return "it names another ASID";
        case ShadowMiss::other_stream:
            return "it names another stream";
        case ShadowMiss::other_range:
            return "its range does not reach it";
        case ShadowMiss::leaf_only:
            return "LEAF leaves it";
        case ShadowMiss::other_level:
            return "its TTL or TG speaks of other entries";
    }
    return "";
}

/// What it is: "leaf of 4 KiB (level 3) of iova 0x1000, ASID 1, to 0x80000000".
std::string entry_text(const ShadowEntry& entry) {
    const auto& tag = entry.translation;
    switch (entry.kind) {
        case ShadowKind::ste_l1:
            return fmt::format("first-level stream table descriptor of stream {:#x}", value(entry.sid));
        case ShadowKind::ste:
            return fmt::format("STE of stream {:#x}", value(entry.sid));
        case ShadowKind::cd_l1:
            return fmt::format("first-level CD descriptor of stream {:#x}, substream {}", value(entry.sid), entry.ssid);
        case ShadowKind::cd:
            return fmt::format("CD of stream {:#x}, substream {}", value(entry.sid), entry.ssid);
        case ShadowKind::table:
        case ShadowKind::leaf:
            break;
    }
    const std::uint64_t kib = (std::uint64_t{1} << tag.log2_bytes) / 1024;
    const std::string size = kib >= 1024 ? fmt::format("{} MiB", kib / 1024) : fmt::format("{} KiB", kib);
    std::string text =
        fmt::format("{} of {} (stage {}, level {}) of {:#x}", entry.kind == ShadowKind::leaf ? "leaf" : "table", size,
                    entry.stage, tag.level, tag.va);
    const Regime regime = space_tag::regime(tag.space);
    if (regime == Regime::ns_stage2 || entry.stage == 2)
        text += fmt::format(", VMID {}", space_tag::VMID.get(tag.space));
    if (regime != Regime::ns_stage2) text += fmt::format(", ASID {}", space_tag::ASID.get(tag.space));
    if (entry.endpoint) text += fmt::format(", kept by stream {:#x}", value(entry.sid));
    return text + fmt::format(", to {:#x}", entry.target);
}

/// The command that would have done, without its SYNC.
std::string wanted(const ShadowEntry& entry) {
    const auto& tag = entry.translation;
    switch (entry.kind) {
        case ShadowKind::ste_l1:
            return fmt::format("CFGI_STE of stream {:#x} (not leaf)", value(entry.sid));
        case ShadowKind::ste:
            return fmt::format("CFGI_STE of stream {:#x}", value(entry.sid));
        case ShadowKind::cd_l1:
            return fmt::format("CFGI_CD of stream {:#x}, substream {} (not leaf)", value(entry.sid), entry.ssid);
        case ShadowKind::cd:
            return fmt::format("CFGI_CD of stream {:#x}, substream {}", value(entry.sid), entry.ssid);
        case ShadowKind::table:
        case ShadowKind::leaf:
            break;
    }
    if (entry.endpoint) return fmt::format("ATC_INV of stream {:#x} {:#x}", value(entry.sid), tag.va);
    const char* leaf = entry.kind == ShadowKind::table ? " (not leaf)" : "";
    switch (space_tag::regime(tag.space)) {
        case Regime::ns_stage2:
            return fmt::format("TLBI_S2_IPA {:#x}{}", tag.va, leaf);
        case Regime::el2:
        case Regime::el2_e2h:
            return fmt::format("TLBI_EL2_VA ASID {} {:#x}{}", space_tag::ASID.get(tag.space), tag.va, leaf);
        default:
            return fmt::format("TLBI_NH_VA ASID {} {:#x}{}", space_tag::ASID.get(tag.space), tag.va, leaf);
    }
}

std::string register_name(std::uint64_t offset) {
    for (const auto& row : iommu::smmuv3::kRegisters) {
        if (row.offset == offset) return std::string(row.name);
    }
    return "a register";
}

class SmmuV3Unit final : public SanitizerUnit {
public:
    SmmuV3Unit(const Sanitizer& the_owner, PhysicalMemory& memory, const IommuSite& the_site, const IommuDevice& device,
               const iommu::Hardware& hardware)
        : SanitizerUnit(the_owner, memory, the_site, device.banks()), shadow_(hardware.smmuv3, bytes) {}

    void on_arrival(const Transaction& transaction) override { shadow_.transaction(access_of(transaction)); }
    void on_access(const TranslationJob& job) override {
        shadow_.read(job.step->access, job.reply, config_of(job), job.engine->epoch(), access_of(*job.transaction));
    }
    void on_answer(const TranslationJob& job) override {
        shadow_.answered(config_of(job).space, job.engine->epoch(), access_of(*job.transaction));
    }
    void on_invalidation(const Invalidation& invalidation, std::uint32_t epoch, std::uint32_t queue) override {
        shadow_.invalidate(invalidation, epoch, now(), queue);
    }
    void on_sync(std::uint32_t queue) override { shadow_.sync_completed(queue); }

    void memory_changes(PhysAddr at, std::uint64_t size) override { shadow_.memory_changes(at, size, now()); }
    void memory_written(PhysAddr at, std::uint64_t size, ShadowOrigin by) override {
        shadow_.memory_written(at, size, by, now());
    }
    void register_written(std::uint64_t offset, unsigned size, std::uint64_t value, ShadowOrigin by) override {
        shadow_.register_written(static_cast<std::uint32_t>(offset), size, value, by, now());
    }
    void freed(PhysAddr at, std::uint64_t size, ShadowOrigin by) override { shadow_.freed(at, size, by, now()); }
    void claimed(const kernel::Annotation& annotation, ShadowOrigin by) override {
        using Kind = kernel::Annotation::Kind;
        const auto asid = static_cast<std::uint16_t>(annotation.context);
        switch (annotation.kind) {
            case Kind::ste_installed:
                shadow_.ste_installed(StreamId{annotation.stream}, by, now());
                return;
            case Kind::cd_installed:
                shadow_.cd_installed(StreamId{annotation.stream}, annotation.context, by, now());
                return;
            case Kind::unmapped:
            case Kind::unmap_queued:
                shadow_.unmapped(asid, annotation.first, annotation.bytes, annotation.kind == Kind::unmap_queued, by,
                                 now());
                return;
            case Kind::flushed:
                shadow_.flushed(asid, annotation.since, by, now());
                return;
            case Kind::freed:
                return;
        }
    }
    void finish(bool ended_well, SanitizerReport& report) override {
        if (ended_well) shadow_.end(now());
        for (const ShadowViolation& violation : shadow_.violations()) report.findings.push_back(explain(violation));
        for (const std::uint64_t count : shadow_.counters().violations) report.total += count;
        report.iommus.emplace_back(site.name, shadow_.counters());
    }

private:
    SanitizerFinding explain(const ShadowViolation& violation) const;
    Shadow shadow_;
};

SanitizerFinding SmmuV3Unit::explain(const ShadowViolation& violation) const {
    SanitizerFinding finding;
    finding.rule = name(violation.rule);
    finding.time = violation.time;
    finding.iommu = site.name;
    finding.what = sentence(violation.rule);
    finding.written = owner.place(violation.writer);
    finding.claimed = owner.place(violation.by);
    if (violation.entry) {
        const ShadowEntry& entry = *violation.entry;
        finding.what += ": " + entry_text(entry);
        finding.written_at = entry.stale ? entry.stale_since : SimTime{};
        finding.cached_for = entry.reader.length != 0 ? owner.text(entry.reader) : "nobody: hardware may read ahead";
    }
    switch (violation.rule) {
        case ShadowRule::table_outlived:
        case ShadowRule::page_outlived:
            finding.what += fmt::format("; freed {:#x}, {} bytes", violation.address, violation.size);
            break;
        case ShadowRule::break_before_make:
            finding.what += fmt::format("; {:#x} became {:#x} at {:#x}", violation.entry->words[0], violation.written,
                                        violation.address);
            finding.written_at = violation.time;
            break;
        case ShadowRule::torn_ste:
            finding.what += fmt::format(": at {:#x}", violation.address);
            finding.written_at = violation.time;
            break;
        case ShadowRule::base_not_set:
        case ShadowRule::base_changed:
            finding.what = register_name(violation.address) + ": " + finding.what;
            finding.written_at = violation.time;
            return finding;
        default:
            break;
    }
    if (violation.also != 0) finding.what += fmt::format("; and {} more", violation.also);
    if (violation.use) finding.used_by = owner.text(*violation.use);
    if (violation.entry) {
        const bool sync_only = violation.miss == ShadowMiss::not_synced;
        finding.missing = sync_only ? std::string("SYNC") : wanted(*violation.entry) + ", then SYNC";
    }
    if (violation.nearest) {
        finding.given = fmt::format("{}: {}", iommu::smmuv3::describe(*violation.nearest), miss_text(violation.miss));
    }
    return finding;
}

}  // namespace

std::unique_ptr<SanitizerUnit> make_shadow_unit(const Sanitizer& owner, PhysicalMemory& memory, const IommuSite& site,
                                                const IommuDevice& device, const iommu::Hardware& hardware) {
    if (site.family != "smmuv3") return nullptr;
    return std::make_unique<SmmuV3Unit>(owner, memory, site, device, hardware);
}

}  // namespace xlate::soc
