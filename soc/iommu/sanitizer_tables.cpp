// The sanitizer beside an IOMMU whose invalidations are complete with a register write. Source: docs/sanitizer.md.
#include <fmt/format.h>

#include "iommu/shadow/config_shadow.hpp"
#include "iommu/shadow/table_shadow.hpp"
#include "kernel-model/core/machine.hpp"
#include "soc/bus/transaction.hpp"
#include "soc/iommu/device.hpp"
#include "soc/iommu/sanitizer_unit.hpp"

namespace xlate::soc {

using iommu::Invalidation;
using iommu::ShadowOrigin;
using iommu::ShadowRule;
using iommu::TableEntry;
using iommu::TableMiss;
using iommu::TableShadow;
using iommu::TableViolation;

namespace {

const char* miss_text(TableMiss miss) {
    switch (miss) {
        case TableMiss::none_given:
            return "";
        case TableMiss::too_early:
            return "it came before the change";
        case TableMiss::other_space:
            return "it speaks of another address space";
        case TableMiss::other_range:
            return "its range does not reach it";
    }
    return "";
}

/// "leaf of 4 KiB of 0x1000, to 0x80000000".
std::string entry_text(const TableEntry& entry) {
    const std::uint64_t kib = (std::uint64_t{1} << entry.says.log2_bytes) / 1024;
    const std::string size = kib >= 1024 ? fmt::format("{} MiB", kib / 1024) : fmt::format("{} KiB", kib);
    std::string text = fmt::format("{} of {} of {:#x}, to {:#x}", entry.says.leaf ? "leaf" : "table", size,
                                   entry.tag.va, entry.says.target);
    if (entry.endpoint) text += fmt::format(", kept by stream {:#x}", value(entry.reader.sid));
    return text;
}

class TableUnit final : public SanitizerUnit {
public:
    TableUnit(const Sanitizer& the_owner, PhysicalMemory& memory, const IommuSite& the_site, const IommuDevice& device,
              const iommu::TableWords& words)
        : SanitizerUnit(the_owner, memory, the_site, device.banks()),
          spec_(device.spec()),
          words_(words),
          shadow_(words, bytes),
          config_(words, bytes) {}

    void on_arrival(const Transaction& transaction) override { shadow_.transaction(access_of(transaction)); }
    void on_access(const TranslationJob& job) override {
        config_.read(job.step->access, job.reply, job.engine->epoch(), access_of(*job.transaction));
        const auto space = job.engine->walked_space();
        if (!space) return;
        shadow_.read(job.step->access, job.reply, *space, job.engine->epoch(), access_of(*job.transaction));
    }
    void on_answer(const TranslationJob& job) override {
        const iommu::ShadowAccess access = access_of(*job.transaction);
        if (const auto space = words_.space_of_stream(access.sid)) shadow_.answered(*space, access);
    }
    void on_invalidation(const Invalidation& invalidation, std::uint32_t epoch, std::uint32_t) override {
        shadow_.invalidate(invalidation, epoch, now());
        config_.invalidate(invalidation, epoch, now());
    }
    void on_sync(std::uint32_t) override {
        shadow_.drained();
        config_.drained();
    }

    void memory_changes(PhysAddr at, std::uint64_t size) override { shadow_.memory_changes(at, size, now()); }
    void memory_written(PhysAddr at, std::uint64_t size, ShadowOrigin by) override {
        shadow_.memory_written(at, size, by, now());
        config_.memory_written(at, size, by, now());
    }
    void freed(PhysAddr at, std::uint64_t size, ShadowOrigin by) override { shadow_.freed(at, size, by, now()); }
    void claimed(const kernel::Annotation& annotation, ShadowOrigin by) override {
        using Kind = kernel::Annotation::Kind;
        if (annotation.kind == Kind::unmapped) {
            shadow_.unmapped(words_.space_of(annotation.context), annotation.first, annotation.bytes, by, now());
        } else if (annotation.kind == Kind::unmap_queued) {
            shadow_.unmap_queued(words_.space_of(annotation.context), annotation.first, annotation.bytes);
        } else if (annotation.kind == Kind::flushed) {
            shadow_.flushed(words_.space_of(annotation.context), annotation.since, by, now());
        } else if (annotation.kind == Kind::ste_installed) {
            config_.installed(StreamId{annotation.stream}, by, now());
        }
    }
    void finish(bool ended_well, SanitizerReport& report) override {
        if (ended_well) {
            shadow_.end(now());
            config_.end(now());
        }
        for (const TableViolation& violation : shadow_.violations()) report.findings.push_back(explain(violation));
        for (const iommu::ConfigViolation& violation : config_.violations())
            report.findings.push_back(explain(violation));
        iommu::ShadowCounters counters = shadow_.counters();
        for (std::size_t rule = 0; rule < counters.violations.size(); ++rule) {
            counters.violations[rule] += config_.count(static_cast<ShadowRule>(rule));
            report.total += counters.violations[rule];
        }
        report.iommus.emplace_back(site.name, counters);
    }

private:
    SanitizerFinding explain(const TableViolation& violation) const {
        const TableEntry& entry = violation.entry;
        SanitizerFinding finding;
        finding.rule = name(violation.rule);
        finding.time = violation.time;
        finding.iommu = site.name;
        finding.what = fmt::format("{}: {}", sentence(violation.rule), entry_text(entry));
        if (violation.rule == ShadowRule::table_outlived || violation.rule == ShadowRule::page_outlived)
            finding.what += fmt::format("; freed {:#x}, {} bytes", violation.address, violation.size);
        if (violation.also != 0) finding.what += fmt::format("; and {} more", violation.also);
        finding.written = owner.place(entry.writer);
        finding.written_at = entry.stale ? entry.stale_since : SimTime{};
        finding.claimed = owner.place(violation.by);
        finding.cached_for = entry.reader.length != 0 ? owner.text(entry.reader) : "nobody: hardware may read ahead";
        if (violation.use) finding.used_by = owner.text(*violation.use);
        finding.missing = spec_.describe(TableShadow::wanted(entry));
        if (violation.nearest)
            finding.given = fmt::format("{}: {}", spec_.describe(*violation.nearest), miss_text(violation.miss));
        return finding;
    }
    SanitizerFinding explain(const iommu::ConfigViolation& violation) const {
        const iommu::ConfigEntry& entry = violation.entry;
        SanitizerFinding finding;
        finding.rule = name(violation.rule);
        finding.time = violation.time;
        finding.iommu = site.name;
        finding.what = fmt::format("{}: {} of stream {:#x} at {:#x}", sentence(violation.rule),
                                   words_.configuration_name(entry.purpose), value(entry.reader.sid), entry.address);
        finding.written = owner.place(entry.writer);
        finding.written_at = entry.stale_since;
        finding.claimed = owner.place(violation.by);
        finding.cached_for = owner.text(entry.reader);
        finding.missing =
            spec_.describe(words_.wanted_for_configuration(entry.stream, entry.purpose, entry.bytes.data()));
        if (violation.nearest)
            finding.given = fmt::format("{}: it speaks of another stream, or its drain is not complete",
                                        spec_.describe(*violation.nearest));
        return finding;
    }

    const iommu::InstanceSpec& spec_;
    const iommu::TableWords& words_;
    TableShadow shadow_;
    iommu::ConfigShadow config_;
};

}  // namespace

std::unique_ptr<SanitizerUnit> make_table_unit(const Sanitizer& owner, PhysicalMemory& memory, const IommuSite& site,
                                               const IommuDevice& device) {
    const auto* words = dynamic_cast<const iommu::TableWords*>(&device.unit());
    if (words == nullptr) return nullptr;
    return std::make_unique<TableUnit>(owner, memory, site, device, *words);
}

}  // namespace xlate::soc
