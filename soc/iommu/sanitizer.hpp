// The sanitizer of a run: a shadow beside each IOMMU whose family has one (sanitizer_unit.hpp), told of the hardware's
// translations and of the kernel's stores and claims; findings name the driver's step and the transaction. It costs no
// simulated time and changes no result. Off unless SocConfig::sanitizer.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "base/time.hpp"
#include "iommu/families.hpp"
#include "iommu/shadow/shadow_report.hpp"
#include "kernel-model/core/report.hpp"
#include "soc/bus/physical_memory.hpp"
#include "soc/iommu/observer.hpp"
#include "soc/measure/ledger_check.hpp"
#include "soc/time/agenda.hpp"
#include "soc/topology.hpp"

namespace xlate::kernel {
class Scheduler;
}

namespace xlate::soc {

class IommuDevice;
class SanitizerUnit;

/// One rule broken once. Texts are for people; `rule` is stable.
struct SanitizerFinding {
    std::string rule;
    SimTime time;
    std::string iommu;
    std::string what;             ///< one sentence, with addresses
    std::string missing;          ///< the commands that would have done; "" if no command would
    std::string given;            ///< the command that came nearest, and how it missed; "" if none
    kernel::ReportPlace written;  ///< who changed the memory or register; task empty: unknown
    SimTime written_at;
    kernel::ReportPlace claimed;  ///< who holds that it is done, or freed it; task empty: none
    std::string cached_for;       ///< the transaction for which the entry was read
    std::string used_by;          ///< the transaction that it could serve
};

struct SanitizerReport {
    std::vector<SanitizerFinding> findings;  ///< in order of time; the first of many
    std::uint64_t total = 0;                 ///< all of them
    std::vector<std::pair<std::string, iommu::ShadowCounters>> iommus;
    LedgerCheckStats ledger;
};

class Sanitizer final : public SoftwareObserver {
public:
    /// `master_name`: of a component's rank.
    Sanitizer(const Agenda& agenda, PhysicalMemory& bytes, const Topology& topology,
              std::function<std::string(std::uint32_t rank)> master_name);
    ~Sanitizer() override;

    /// Whose tasks store.
    void attach(const kernel::Scheduler& scheduler) { scheduler_ = &scheduler; }
    /// For the IOMMU at `index` of Topology::iommus, whose ID registers are these. nullptr: its family has no shadow.
    TranslationObserver* watch(std::size_t index, const IommuDevice& device, const iommu::Hardware& hardware);
    LedgerCheck& ledger() { return ledger_; }

    void before_store(PhysAddr address, std::uint64_t bytes) override;
    void after_store(PhysAddr address, std::uint64_t bytes) override;
    void on_register_write(PhysAddr address, unsigned size, std::uint64_t value) override;
    void on_annotation(const kernel::Annotation& annotation) override;

    /// Once, at the end. `ended_well`: nothing was cut off, so that what is stale now stays so.
    SanitizerReport finish(bool ended_well);

    // For its units.
    SimTime now() const { return agenda_.now(); }
    kernel::ReportPlace place(iommu::ShadowOrigin origin) const;
    std::string text(const iommu::ShadowAccess& access) const;

private:
    struct Origin {
        const kernel::Task* task = nullptr;
        const kernel::CallNode* stack = nullptr;
        const char* step = "";
    };
    iommu::ShadowOrigin here();
    SanitizerUnit* find(PhysAddr registers, std::uint64_t& offset);

    const Agenda& agenda_;
    PhysicalMemory& bytes_;
    const Topology& topology_;
    std::function<std::string(std::uint32_t)> master_name_;
    const kernel::Scheduler* scheduler_ = nullptr;
    std::vector<std::unique_ptr<SanitizerUnit>> units_;
    std::vector<Origin> origins_;
    std::map<std::tuple<std::uint32_t, const void*, const void*>, iommu::ShadowOrigin> known_;  // looked up only
    LedgerCheck ledger_;
};

}  // namespace xlate::soc
