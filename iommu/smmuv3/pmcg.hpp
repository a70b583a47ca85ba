// A performance monitor counter group: architected counters that the SMMU (or a TBU's shell) feeds.
// Counter values come from the same places as the statistics, so the two must agree.
// Not modelled: SCR and secure counting; filters by security state. Source: docs/spec/iommu-hardware.md section 1.14.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "base/registers.hpp"

namespace xlate::iommu::smmuv3 {

enum class PmcgEvent : std::uint8_t {
    cycles = 0,
    transactions = 1,
    tlb_miss = 2,
    config_cache_miss = 3,
    walk_access = 4,
    config_access = 5,
    ats_requests = 6,
    ats_translated = 7,
};
inline constexpr unsigned kPmcgEvents = 8;

/// Registers that exist once; counters (EVCNTR, SVR, EVTYPER, SMR) are arrays, see Pmcg.
inline constexpr std::array kPmcgRegisters{
    RegSpec{"SMMU_PMCG_CNTENSET0", 0xC00, 8, Access::rw, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_CNTENCLR0", 0xC20, 8, Access::rw, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_INTENSET0", 0xC40, 8, Access::rw, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_INTENCLR0", 0xC60, 8, Access::rw, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_OVSCLR0", 0xC80, 8, Access::rw, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_OVSSET0", 0xCC0, 8, Access::rw, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_CAPR", 0xD88, 4, Access::wo, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_SCR", 0xDF8, 4, Access::ro, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_CFGR", 0xE00, 4, Access::ro, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_CR", 0xE04, 4, Access::rw, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_IIDR", 0xE08, 4, Access::ro, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_CEID0", 0xE20, 8, Access::ro, 0xFF, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_CEID1", 0xE28, 8, Access::ro, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_IRQ_CTRL", 0xE50, 4, Access::rw, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_IRQ_CTRLACK", 0xE54, 4, Access::ro, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_IRQ_CFG0", 0xE58, 8, Access::rw, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_IRQ_CFG1", 0xE60, 4, Access::rw, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_IRQ_CFG2", 0xE64, 4, Access::rw, 0, "IHI 0070 10.5"},
    RegSpec{"SMMU_PMCG_IRQ_STATUS", 0xE68, 4, Access::rw, 0, "IHI 0070 10.5"},
};
static_assert(sorted_and_disjoint(kPmcgRegisters));

struct PmcgParams {
    std::uint8_t counters = 4;       ///< 1..64
    std::uint8_t counter_bits = 32;  ///< 32, 36, 40, 44, 48 or 64
    bool relocated = true;           ///< EVCNTR, SVR, OVSCLR, OVSSET and CAPR are in page 1
    bool msi = false;
    bool capture = true;
    bool shared_filter = false;  ///< SID_FILTER_TYPE: counter 0's filter serves all
};

class Pmcg {
public:
    explicit Pmcg(const PmcgParams& params);

    /// `page` 0 or 1; `offset` within its 4 KiB; `size` 4 or 8. What does not exist reads 0.
    std::uint64_t read_register(unsigned page, std::uint32_t offset, unsigned size) const;
    void write_register(unsigned page, std::uint32_t offset, unsigned size, std::uint64_t value);

    /// `n` events of a stream. Cycles have none: filters do not concern them.
    void count(PmcgEvent event, StreamId sid, std::uint64_t n = 1) {
        if (counts(event)) add(event, sid, n);
    }
    /// Whether some enabled counter counts it.
    bool counts(PmcgEvent event) const { return (wanted_ >> static_cast<unsigned>(event) & 1) != 0; }
    /// The overflow pulse, if one is due.
    bool take_interrupt();
    /// The overflow message's address and data, if one is due.
    struct Message {
        std::uint64_t address = 0;
        std::uint32_t data = 0;
    };
    std::optional<Message> take_message();
    /// The message's write aborted.
    void message_aborted() { irq_status_ = 1; }

private:
    struct Counter {
        std::uint64_t value = 0;
        std::uint64_t captured = 0;
        std::uint32_t type = 0;
        std::uint32_t sid_filter = 0;
    };
    void add(PmcgEvent event, StreamId sid, std::uint64_t n);
    bool passes(const Counter& counter, StreamId sid) const;
    void capture();
    void refresh();
    std::uint64_t read_whole(const RegSpec& row) const;
    void write_whole(const RegSpec& row, std::uint64_t value);
    bool is_relocated(std::uint32_t offset) const;
    std::optional<std::uint32_t> counter_index(std::uint32_t offset, unsigned size) const;

    PmcgParams params_;
    std::vector<Counter> counters_;
    std::uint32_t wanted_ = 0;  ///< bit per event: some enabled counter counts it
    std::uint64_t enabled_ = 0, interrupt_enabled_ = 0, overflow_ = 0;
    std::uint32_t control_ = 0, irq_control_ = 0, irq_data_ = 0, irq_attributes_ = 0, irq_status_ = 0;
    std::uint64_t irq_address_ = 0;
    bool pulse_ = false;
    bool message_ = false;
};

}  // namespace xlate::iommu::smmuv3
