#include "soc/iommu/sanitizer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kernel-model/core/machine.hpp"
#include "kernel-model/core/scheduler.hpp"
#include "soc/bus/transaction.hpp"
#include "soc/iommu/tbu.hpp"

namespace xlate::soc {

using iommu::Invalidation;
using iommu::smmuv3::Regime;
using iommu::smmuv3::Shadow;
using iommu::smmuv3::ShadowAccess;
using iommu::smmuv3::ShadowEntry;
using iommu::smmuv3::ShadowKind;
using iommu::smmuv3::ShadowMiss;
using iommu::smmuv3::ShadowOrigin;
using iommu::smmuv3::ShadowRule;
using iommu::smmuv3::ShadowViolation;
namespace space_tag = iommu::smmuv3::space_tag;

namespace {

/// Simulated memory as the shadow looks at it.
class Bytes final : public iommu::MemoryPort {
public:
    explicit Bytes(PhysicalMemory& bytes) : bytes_(bytes) {}
    bool read(PhysAddr address, std::uint8_t* bytes, std::uint32_t size) override {
        if (!bytes_.contains(address, size)) return false;
        bytes_.read(address, bytes, size);
        return true;
    }
    bool write(PhysAddr, const std::uint8_t*, std::uint32_t) override { return false; }

private:
    PhysicalMemory& bytes_;
};

ShadowAccess access_of(const Transaction& transaction, SimTime now) {
    ShadowAccess access;
    access.master = transaction.source_rank;
    access.sid = transaction.stream;
    access.ssid = transaction.substream;
    access.number = transaction.number;
    access.address = transaction.iova;
    access.length = transaction.size();
    access.time = now;
    access.translated = transaction.ats.type == iommu::AtsType::translated;
    return access;
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

}  // namespace

struct Sanitizer::Unit final : TranslationWatch {
    Unit(Sanitizer& the_owner, const IommuSite& the_site, const iommu::smmuv3::Features& features)
        : owner(the_owner),
          site(the_site),
          register_bytes(iommu::smmuv3::register_bytes(features)),
          bytes(owner.bytes_),
          shadow(features, bytes) {}

    void on_arrival(const Transaction& transaction) override {
        shadow.transaction(access_of(transaction, owner.agenda_.now()));
    }
    void on_access(const TranslationJob& job) override {
        shadow.read(job.step->access, job.reply, job.engine.config(), job.engine.epoch(),
                    access_of(*job.transaction, owner.agenda_.now()));
    }
    void on_answer(const TranslationJob& job) override {
        shadow.answered(job.engine.config().space, job.engine.epoch(),
                        access_of(*job.transaction, owner.agenda_.now()));
    }
    void on_invalidation(const Invalidation& invalidation, std::uint32_t epoch, std::uint32_t queue) override {
        shadow.invalidate(invalidation, epoch, owner.agenda_.now(), queue);
    }
    void on_sync(std::uint32_t queue) override { shadow.sync_completed(queue); }

    Sanitizer& owner;
    const IommuSite& site;
    const std::uint32_t register_bytes;
    Bytes bytes;
    Shadow shadow;
};

Sanitizer::Sanitizer(const Agenda& agenda, PhysicalMemory& bytes, const Topology& topology,
                     std::function<std::string(std::uint32_t rank)> master_name)
    : agenda_(agenda), bytes_(bytes), topology_(topology), master_name_(std::move(master_name)), origins_(1) {}

Sanitizer::~Sanitizer() = default;

TranslationWatch& Sanitizer::watch(std::size_t index, const iommu::smmuv3::Features& features) {
    units_.push_back(std::make_unique<Unit>(*this, topology_.iommus[index], features));
    return *units_.back();
}

ShadowOrigin Sanitizer::here() {
    const kernel::Task* task = scheduler_ == nullptr ? nullptr : scheduler_->current_or_null();
    if (task == nullptr) return 0;
    const auto next = static_cast<ShadowOrigin>(origins_.size());
    const auto [at, fresh] = known_.emplace(std::make_tuple(task->id, task->stack, task->pending.step), next);
    if (fresh) origins_.push_back({task, task->stack, task->pending.step});
    return at->second;
}

kernel::ReportPlace Sanitizer::place(ShadowOrigin origin) const {
    if (origin == 0) return {};
    const Origin& known = origins_[origin];
    return kernel::place_of(known.task, known.step, known.stack);
}

Sanitizer::Unit* Sanitizer::find(PhysAddr registers) {
    for (const auto& unit : units_) {
        if (registers.value - unit->site.base < unit->register_bytes) return unit.get();
    }
    return nullptr;
}

void Sanitizer::before_store(PhysAddr address, std::uint64_t bytes) {
    for (const auto& unit : units_) unit->shadow.memory_changes(address, bytes, agenda_.now());
}

void Sanitizer::after_store(PhysAddr address, std::uint64_t bytes) {
    const ShadowOrigin origin = here();
    for (const auto& unit : units_) unit->shadow.memory_written(address, bytes, origin, agenda_.now());
}

void Sanitizer::on_register_write(PhysAddr address, unsigned size, std::uint64_t value) {
    Unit* unit = find(address);
    if (unit == nullptr) return;
    unit->shadow.register_written(static_cast<std::uint32_t>(address.value - unit->site.base), size, value, here(),
                                  agenda_.now());
}

void Sanitizer::on_annotation(const kernel::Annotation& annotation) {
    using Kind = kernel::Annotation::Kind;
    const ShadowOrigin by = here();
    const SimTime now = agenda_.now();
    if (annotation.kind == Kind::freed) {
        for (const auto& unit : units_) unit->shadow.freed(PhysAddr{annotation.first}, annotation.bytes, by, now);
        return;
    }
    Unit* unit = find(annotation.iommu);
    if (unit == nullptr) return;
    Shadow& shadow = unit->shadow;
    const auto asid = static_cast<std::uint16_t>(annotation.context);
    switch (annotation.kind) {
        case Kind::ste_installed:
            shadow.ste_installed(StreamId{annotation.stream}, by, now);
            return;
        case Kind::cd_installed:
            shadow.cd_installed(StreamId{annotation.stream}, annotation.context, by, now);
            return;
        case Kind::unmapped:
        case Kind::unmap_queued:
            shadow.unmapped(asid, annotation.first, annotation.bytes, annotation.kind == Kind::unmap_queued, by, now);
            return;
        case Kind::flushed:
            shadow.flushed(asid, annotation.since, by, now);
            return;
        case Kind::freed:
            return;
    }
}

std::string Sanitizer::text(const ShadowAccess& access) const {
    return fmt::format("transaction {} of {} (stream {:#x}), iova {:#x}, at {}.{:03} ns", access.number,
                       master_name_(access.master), value(access.sid), access.address, access.time.fs / kFsPerNs,
                       access.time.fs / kFsPerPs % 1000);
}

SanitizerFinding Sanitizer::explain(const Unit& unit, const ShadowViolation& violation) const {
    SanitizerFinding finding;
    finding.rule = name(violation.rule);
    finding.time = violation.time;
    finding.iommu = unit.site.name;
    finding.what = sentence(violation.rule);
    finding.written = place(violation.writer);
    finding.claimed = place(violation.by);
    if (violation.entry) {
        const ShadowEntry& entry = *violation.entry;
        finding.what += ": " + entry_text(entry);
        finding.written_at = entry.stale ? entry.stale_since : SimTime{};
        finding.cached_for = entry.reader.length != 0 ? text(entry.reader) : "nobody: hardware may read ahead";
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
    if (violation.use) finding.used_by = text(*violation.use);
    if (violation.entry) {
        const bool sync_only = violation.miss == ShadowMiss::not_synced;
        finding.missing = sync_only ? std::string("SYNC") : wanted(*violation.entry) + ", then SYNC";
    }
    if (violation.nearest) {
        finding.given = fmt::format("{}: {}", iommu::smmuv3::describe(*violation.nearest), miss_text(violation.miss));
    }
    return finding;
}

SanitizerReport Sanitizer::finish(bool ended_well) {
    SanitizerReport report;
    for (const auto& unit : units_) {
        if (ended_well) unit->shadow.end(agenda_.now());
        for (const ShadowViolation& violation : unit->shadow.violations()) {
            report.findings.push_back(explain(*unit, violation));
        }
        const iommu::smmuv3::ShadowCounters& counters = unit->shadow.counters();
        for (const std::uint64_t count : counters.violations) report.total += count;
        report.iommus.emplace_back(unit->site.name, counters);
    }
    std::stable_sort(report.findings.begin(), report.findings.end(),
                     [](const SanitizerFinding& a, const SanitizerFinding& b) { return a.time < b.time; });
    report.ledger = ledger_.stats();
    return report;
}

}  // namespace xlate::soc
