// Qualcomm's msm-iommu, versions 1 and 2: context banks of an SMMUv2, each with registers and an interrupt of its own,
// and no stream mapping that Linux sees: a master names the bank that serves it by its number, which is its ASID too.
//   banks          stage 1 of 32-bit input: VMSAv7 long and short descriptors (iommu/smmuv2 does all of it)
//   a bank off     its masters pass untranslated, as do masters of a bank that is not there (ours)
//   secured        banks of qcom,msm-iommu-v2-sec: registers read zero and hold nothing, their masters pass
//   untranslated
//                  (ours: what the secure world programs is not known)
//   local          the node's own registers, if it has any: INTR_SEL_NS is storage
// Register banks are the node's own windows, if it has any, and then one each of its children.
// Not modelled: the secure world's tables, clocks. Source: docs/spec/iommu-hardware.md section 16.5.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/qcom/banks.hpp"
#include "iommu/qcom/layout.hpp"
#include "iommu/shadow/table_words.hpp"

namespace xlate::iommu::qcom {

struct Bank {
    std::uint32_t asid = 0;  ///< below kMostBanks, unless it is secured
    bool secured = false;
    std::uint64_t bytes = kBankBytes;  ///< of its window
};

struct Parameters {
    std::vector<Bank> banks;                            ///< as firmware has them
    std::vector<std::uint64_t> local_bytes;             ///< the node's own windows; the first has INTR_SEL_NS
    unsigned first_wire = 0;                            ///< of bank 0: interrupts that the node itself has come before
    CacheParams tlb{true, 128, 4, Replacement::lru};    ///< estimate
    CacheParams level1{true, 4, 0, Replacement::lru};   ///< estimate
    CacheParams level2{true, 32, 4, Replacement::lru};  ///< estimate
    std::uint64_t seed = 1;
    std::string name;
};

/// The data sheet.
const InstanceSpec& sheet();

class QcomIommu final : public ContextBanks, public TableWords {
public:
    explicit QcomIommu(const Parameters& parameters);

    const InstanceSpec& spec() const override { return sheet(); }
    void reset() override;
    unsigned register_banks() const override { return first_bank() + static_cast<unsigned>(parameters_.banks.size()); }
    std::uint64_t register_bytes(unsigned bank = 0) const override;
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    unsigned wires() const override { return parameters_.first_wire + static_cast<unsigned>(parameters_.banks.size()); }
    std::optional<unsigned> take_wire() override;

    unsigned word_bytes() const override { return smmu_.word_bytes(); }
    bool decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const override {
        return smmu_.decode(purpose, word, out);
    }
    bool decode_in(std::uint64_t space, AccessPurpose purpose, std::uint64_t word, TableWord& out) const override {
        return smmu_.decode_in(space, purpose, word, out);
    }
    std::uint64_t table_bytes(std::uint64_t space) const override { return smmu_.table_bytes(space); }
    std::uint64_t space_of(std::uint32_t context) const override { return smmu_.space_of(context); }
    std::optional<std::uint64_t> space_of_stream(StreamId stream) const override {
        return smmu_.space_of_stream(stream);
    }
    bool needs_drain() const override { return true; }

private:
    /// Of the node's children among the register banks.
    unsigned first_bank() const { return static_cast<unsigned>(parameters_.local_bytes.size()); }

    const Parameters parameters_;
    std::uint32_t intr_sel_ns_ = 0;
};

}  // namespace xlate::iommu::qcom
