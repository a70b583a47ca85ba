#include "soc/iommu/sanitizer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kernel-model/core/machine.hpp"
#include "kernel-model/core/scheduler.hpp"
#include "soc/bus/transaction.hpp"
#include "soc/iommu/device.hpp"
#include "soc/iommu/sanitizer_unit.hpp"

namespace xlate::soc {

using iommu::ShadowAccess;
using iommu::ShadowOrigin;

ShadowAccess SanitizerUnit::access_of(const Transaction& transaction) const {
    ShadowAccess access;
    access.master = transaction.source_rank;
    access.sid = transaction.stream;
    access.ssid = transaction.substream;
    access.number = transaction.number;
    access.address = transaction.iova;
    access.length = transaction.size();
    access.time = now();
    access.translated = transaction.ats.type == iommu::AtsType::translated;
    return access;
}

Sanitizer::Sanitizer(const Agenda& agenda, PhysicalMemory& bytes, const Topology& topology,
                     std::function<std::string(std::uint32_t rank)> master_name)
    : agenda_(agenda), bytes_(bytes), topology_(topology), master_name_(std::move(master_name)), origins_(1) {}

Sanitizer::~Sanitizer() = default;

TranslationObserver* Sanitizer::watch(std::size_t index, const IommuDevice& device, const iommu::Hardware& hardware) {
    const IommuSite& site = topology_.iommus[index];
    auto unit = make_shadow_unit(*this, bytes_, site, device, hardware);
    if (unit == nullptr) unit = make_table_unit(*this, bytes_, site, device);
    if (unit == nullptr) unit = make_virtio_unit(*this, bytes_, site, device);
    if (unit == nullptr) return nullptr;
    units_.push_back(std::move(unit));
    return units_.back().get();
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

SanitizerUnit* Sanitizer::find(PhysAddr registers, std::uint64_t& offset) {
    for (const auto& unit : units_) {
        for (const IommuSite::Bank& bank : unit->banks) {
            offset = registers.value - bank.base;
            if (offset < bank.bytes) return unit.get();
        }
    }
    return nullptr;
}

void Sanitizer::before_store(PhysAddr address, std::uint64_t bytes) {
    for (const auto& unit : units_) unit->memory_changes(address, bytes);
}

void Sanitizer::after_store(PhysAddr address, std::uint64_t bytes) {
    const ShadowOrigin origin = here();
    for (const auto& unit : units_) unit->memory_written(address, bytes, origin);
}

void Sanitizer::on_register_write(PhysAddr address, unsigned size, std::uint64_t value) {
    std::uint64_t offset = 0;
    SanitizerUnit* unit = find(address, offset);
    if (unit != nullptr) unit->register_written(offset, size, value, here());
}

void Sanitizer::on_annotation(const kernel::Annotation& annotation) {
    const ShadowOrigin by = here();
    if (annotation.kind == kernel::Annotation::Kind::freed) {
        for (const auto& unit : units_) unit->freed(PhysAddr{annotation.first}, annotation.bytes, by);
        return;
    }
    std::uint64_t offset = 0;
    SanitizerUnit* unit = find(annotation.iommu, offset);
    if (unit != nullptr) unit->claimed(annotation, by);
}

std::string Sanitizer::text(const ShadowAccess& access) const {
    return fmt::format("transaction {} of {} (stream {:#x}), iova {:#x}, at {}.{:03} ns", access.number,
                       master_name_(access.master), value(access.sid), access.address, access.time.fs / kFsPerNs,
                       access.time.fs / kFsPerPs % 1000);
}

SanitizerReport Sanitizer::finish(bool ended_well) {
    SanitizerReport report;
    for (const auto& unit : units_) unit->finish(ended_well, report);
    std::stable_sort(report.findings.begin(), report.findings.end(),
                     [](const SanitizerFinding& a, const SanitizerFinding& b) { return a.time < b.time; });
    report.ledger = ledger_.stats();
    return report;
}

}  // namespace xlate::soc
