// The sanitizer beside a virtio-iommu: no table lies in memory, so that each claim of the driver is held against what
// the device knows at that moment. Nothing is cached beyond it: the device drops with each request what it kept.
//   unmapped, flushed   no mapping of the range is left (missing-unmap)
//   cd_installed        the range is mapped (missing-map), and off what the device reserves (reserved-mapped)
//   ste_installed       the endpoint is attached to that domain (missing-attach), or to none (missing-detach)
//   freed               no mapping leads there (page-outlived), but one whose flush is put off
// Source: docs/sanitizer.md.
#include <fmt/format.h>

#include <algorithm>

#include "iommu/virtio/virtio_iommu.hpp"
#include "kernel-model/core/machine.hpp"
#include "soc/bus/transaction.hpp"
#include "soc/iommu/device.hpp"
#include "soc/iommu/sanitizer_unit.hpp"

namespace xlate::soc {

using iommu::ShadowOrigin;
namespace virtio = iommu::virtio;

namespace {

constexpr std::size_t kMostFindings = 256;

class VirtioUnit final : public SanitizerUnit {
public:
    VirtioUnit(const Sanitizer& the_owner, PhysicalMemory& memory, const IommuSite& the_site, const IommuDevice& device,
               const virtio::VirtioIommu& unit)
        : SanitizerUnit(the_owner, memory, the_site, device.banks()), domains_(unit.domains()) {}

    void on_arrival(const Transaction&) override {}
    void on_access(const TranslationJob&) override { ++counters_.reads; }
    void on_answer(const TranslationJob&) override {}
    void on_invalidation(const iommu::Invalidation&, std::uint32_t, std::uint32_t) override { ++counters_.commands; }
    void on_sync(std::uint32_t) override { ++counters_.syncs; }
    void memory_changes(PhysAddr, std::uint64_t) override {}
    void memory_written(PhysAddr, std::uint64_t, ShadowOrigin) override { ++counters_.writes; }

    void claimed(const kernel::Annotation& claim, ShadowOrigin by) override {
        using Kind = kernel::Annotation::Kind;
        ++counters_.claims;
        const std::uint64_t last = claim.first + (claim.bytes == 0 ? 0 : claim.bytes - 1);
        switch (claim.kind) {
            case Kind::unmapped:
                unmapped(claim.context, claim.first, last, by);
                break;
            case Kind::unmap_queued:
                put_off_.push_back({claim.context, claim.first, last, now()});
                break;
            case Kind::flushed:
                flushed(claim.context, claim.since, by);
                break;
            case Kind::cd_installed:
                mapped(claim.context, claim.first, last, by);
                break;
            case Kind::ste_installed:
                configured(claim, by);
                break;
            case Kind::freed:
                break;
        }
    }

    void freed(PhysAddr at, std::uint64_t size, ShadowOrigin by) override {
        ++counters_.claims;
        for (const auto& [domain, mapping] : domains_.mappings_to(at.value, size)) {
            if (is_put_off(domain, mapping.first)) {
                ++counters_.lazy_frees;
                continue;
            }
            add("page-outlived", "memory was freed while a mapping leads to it", by,
                fmt::format("{}; freed {:#x}, {} bytes", text(domain, mapping), at.value, size),
                fmt::format("UNMAP domain {} {:#x}..{:#x}", domain, mapping.first, mapping.last));
        }
    }

    void finish(bool, SanitizerReport& report) override {
        report.findings.insert(report.findings.end(), findings_.begin(), findings_.end());
        report.total += total_;
        counters_.held = domains_.mappings();
        report.iommus.emplace_back(site.name, counters_);
    }

private:
    struct PutOff {
        std::uint32_t domain;
        std::uint64_t first, last;
        SimTime since;
    };

    static std::string text(std::uint32_t domain, const virtio::Mapping& mapping) {
        return fmt::format("domain {} maps {:#x}..{:#x} to {:#x}", domain, mapping.first, mapping.last, mapping.target);
    }

    bool is_put_off(std::uint32_t domain, std::uint64_t first) const {
        return std::any_of(put_off_.begin(), put_off_.end(), [&](const PutOff& one) {
            return one.domain == domain && one.first <= first && first <= one.last;
        });
    }

    void unmapped(std::uint32_t domain, std::uint64_t first, std::uint64_t last, ShadowOrigin by) {
        if (const virtio::Mapping* const left = domains_.first_mapping(domain, first, last)) {
            add("missing-unmap", "an unmap returned, and the device still has the mapping", by, text(domain, *left),
                fmt::format("UNMAP domain {} {:#x}..{:#x}", domain, first, last));
        }
    }

    void flushed(std::uint32_t domain, SimTime since, ShadowOrigin by) {
        const auto of_it = std::stable_partition(put_off_.begin(), put_off_.end(), [&](const PutOff& one) {
            return one.domain != domain || one.since > since;
        });
        const std::vector<PutOff> due(of_it, put_off_.end());
        put_off_.erase(of_it, put_off_.end());
        for (const PutOff& one : due) unmapped(one.domain, one.first, one.last, by);
    }

    void mapped(std::uint32_t domain, std::uint64_t first, std::uint64_t last, ShadowOrigin by) {
        ++counters_.entries;
        counters_.held_most = std::max<std::uint64_t>(counters_.held_most, domains_.mappings());
        for (std::uint64_t at = first;;) {
            const virtio::Mapping* const mapping = domains_.first_mapping(domain, at, last);
            if (mapping == nullptr || mapping->first > at) {
                add("missing-map", "a map returned, and the device has no such mapping", by,
                    fmt::format("domain {} has nothing at {:#x}", domain, at),
                    fmt::format("MAP domain {} {:#x}..{:#x}", domain, first, last));
                break;
            }
            if (mapping->last >= last) break;
            at = mapping->last + 1;
        }
        for (const virtio::ReservedMemory& region : domains_.offer().reserved) {
            if (region.first > last || first > region.last) continue;
            add("reserved-mapped", "a mapping lies in a region that the device keeps for itself", by,
                fmt::format("domain {}, {:#x}..{:#x}; reserved {:#x}..{:#x}", domain, first, last, region.first,
                            region.last),
                "");
        }
    }

    void configured(const kernel::Annotation& claim, ShadowOrigin by) {
        const std::optional<std::uint32_t> domain = domains_.attached_to(claim.stream);
        if (claim.bytes == 0) {
            if (!domain) return;
            add("missing-detach", "a device left, and its endpoint is still attached", by,
                fmt::format("endpoint {:#x} is attached to domain {}", claim.stream, *domain),
                fmt::format("DETACH domain {} endpoint {:#x}", *domain, claim.stream));
        } else if (!domain || *domain != claim.context) {
            add("missing-attach", "a domain holds its endpoint to be attached, and the device does not", by,
                domain ? fmt::format("endpoint {:#x} is attached to domain {}", claim.stream, *domain)
                       : fmt::format("endpoint {:#x} is attached to nothing", claim.stream),
                fmt::format("ATTACH domain {} endpoint {:#x}, and its answer", claim.context, claim.stream));
        }
    }

    void add(const char* rule, const char* sentence, ShadowOrigin by, const std::string& what, std::string missing) {
        ++total_;
        if (findings_.size() >= kMostFindings) return;
        SanitizerFinding finding;
        finding.rule = rule;
        finding.time = now();
        finding.iommu = site.name;
        finding.what = fmt::format("{}: {}", sentence, what);
        finding.missing = std::move(missing);
        finding.cached_for = "nobody: the device keeps its mappings itself";
        finding.claimed = owner.place(by);
        findings_.push_back(std::move(finding));
    }

    const virtio::Domains& domains_;
    std::vector<PutOff> put_off_;  ///< unmapped, their flush is to come
    std::vector<SanitizerFinding> findings_;
    std::uint64_t total_ = 0;
    iommu::ShadowCounters counters_;
};

}  // namespace

std::unique_ptr<SanitizerUnit> make_virtio_unit(const Sanitizer& owner, PhysicalMemory& memory, const IommuSite& site,
                                                const IommuDevice& device) {
    const auto* unit = dynamic_cast<const virtio::VirtioIommu*>(&device.unit());
    if (unit == nullptr) return nullptr;
    return std::make_unique<VirtioUnit>(owner, memory, site, device, *unit);
}

}  // namespace xlate::soc
