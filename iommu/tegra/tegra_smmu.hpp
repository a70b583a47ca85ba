// The Tegra SMMU (Tegra30, 114, 124, 132, 210): a part of the memory controller (MC), whose registers it shares.
// A request comes from a client of a swgroup: the stream is the swgroup, and its first client that reads or writes
// makes the access (ours: which of a swgroup's clients a device uses is not in firmware).
//   off; no such swgroup; the client's enable or the swgroup's ENABLE is clear    passes untranslated
//   no page, or its rights say no, or an address beyond 32 bits                   INTSTATUS bit 10
//   memory refuses a table                                                        INTSTATUS bit 6, client `ptcr`
// A fault latches ERR_STATUS and ERR_ADR; later ones are counted, and lost until INTSTATUS is clear. Reads give zero,
// writes go nowhere (ours: what a client gets is not documented). The interrupt is level-sensitive.
// Rights are those that PTB_DATA, the directory word and the table word all give. ASIDs share the TLB and the PTC.
// TLB_FLUSH and PTC_FLUSH take effect with their write. Stored: TLB_CONFIG, INDEX_MAP and REQ_LIMIT, latency
// allowances, arbitration, resets, all else of the MC. Absent: non-secure rights as a reason to refuse, carve-outs, the
// GPU's own tables. Source: docs/spec/iommu-hardware.md section 7; docs/spec/linux-findings.md 18 to 23, 39 to 41.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/shadow/table_words.hpp"
#include "iommu/tegra/layout.hpp"
#include "iommu/tegra/layout_soc.hpp"
#include "iommu/tegra/ptc.hpp"
#include "iommu/tlb.hpp"

namespace xlate::iommu::tegra {

struct Parameters {
    const Soc* soc = nullptr;  ///< outlives it
    std::uint64_t register_bytes = kRegisterBytes;
    CacheParams tlb{true, 32, 0, Replacement::round_robin};  ///< lines of one page each; estimate of the shape
    CacheParams ptc{true, 64, 4, Replacement::lru};          ///< atoms; estimate
    std::uint64_t seed = 1;
};

enum class Fault : std::uint16_t {
    none,
    no_directory_word,  ///< nothing in the directory, or no directory
    no_table_word,
    read_denied,
    write_denied,
    out_of_range,  ///< beyond 32 bits
    decode_error,  ///< memory refused a table
};
std::string name(Fault fault);

/// The data sheet.
extern const InstanceSpec kSpec;

class TegraSmmu final : public Instance, public TableWords {
public:
    explicit TegraSmmu(const Parameters& parameters);

    const InstanceSpec& spec() const override { return kSpec; }
    void reset() override;
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    std::optional<unsigned> take_wire() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;

    unsigned word_bytes() const override { return kWordBytes; }
    bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const override;
    std::optional<std::uint64_t> space_of_stream(StreamId stream) const override;

    const Soc& soc() const { return *parameters_.soc; }

private:
    friend class Slot;
    struct Counters {
        std::uint64_t translations = 0, passed = 0, tlb_misses = 0, walks = 0, walk_reads = 0, faults = 0,
                      faults_lost = 0, tlb_flushes = 0, ptc_flushes = 0;
    };
    std::uint32_t get(std::uint32_t offset) const { return words_[offset / 4]; }
    void set(std::uint32_t offset, std::uint32_t value) { words_[offset / 4] = value; }
    /// The client that an access of this swgroup comes by; nullptr: there is none.
    const Client* client_of(std::uint32_t swgroup, bool write) const;
    bool client_enabled(const Client& client) const;
    bool ptc_enabled() const { return ptc_config::ENABLE.test(get(reg::SMMU_PTC_CONFIG)) && ptc_.enabled(); }
    void write_enables(std::uint32_t offset, std::uint32_t value);
    void reconfigured(std::uint32_t swgroup, bool all);
    void flush_tlb(std::uint32_t value);
    void flush_ptc(std::uint32_t value);
    void raise(Fault fault, const Client* client, std::uint64_t address, bool write, std::uint32_t rights);
    void latch(std::uint32_t cause, std::uint32_t status, std::uint64_t address);
    void update_line(bool causes_changed);

    Parameters parameters_;
    std::vector<std::uint32_t> words_;
    std::vector<std::uint32_t> directories_;  ///< PTB_DATA, by ASID
    Tlb tlb_;
    Ptc ptc_;
    Counters counters_;
    bool line_ = false;
    bool pulse_ = false;
};

}  // namespace xlate::iommu::tegra
