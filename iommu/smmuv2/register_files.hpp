// Several SMMUs that software programs as one: NVIDIA's Tegra194 and Tegra234, whose masters' traffic is spread over
// two or three of them. Each register file (one `reg` range of firmware) is a whole SMMU; software writes all alike and
// reads from the first. An access goes to one of them by its page: which bits the interconnect takes is not published.
// Source: docs/spec/linux-findings.md, second part, facts 15 and 16.
#pragma once

#include <memory>
#include <vector>

#include "iommu/smmuv2/smmu.hpp"

namespace xlate::iommu::smmuv2 {

class RegisterFiles final : public Instance, private InvalidationSink {
public:
    /// `files`: 1 to 4.
    RegisterFiles(const SmmuParams& params, unsigned files);

    const InstanceSpec& spec() const override { return sheet(); }
    void reset() override;
    unsigned register_banks() const override { return static_cast<unsigned>(files_.size()); }
    std::uint64_t register_bytes(unsigned bank = 0) const override { return files_[bank]->register_bytes(); }
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) override;
    std::unique_ptr<TranslationSlot> make_translation() override;
    /// Two of each file, in the order of files.
    unsigned machines() const override { return 2 * register_banks(); }
    const MachineSpec& machine(unsigned index) const override { return spec().machines[index % 2]; }
    bool machine_pending(unsigned index) const override { return files_[index / 2]->machine_pending(index % 2); }
    const Step& step_machine(unsigned index, const Reply& reply) override;
    /// Interrupts are shared: firmware gives all files the same list.
    unsigned wires() const override { return files_[0]->wires(); }
    WireSpec wire(unsigned index) const override { return files_[0]->wire(index); }
    std::optional<unsigned> take_wire() override;
    std::optional<std::uint64_t> take_resumed() override;
    std::vector<std::uint64_t> counter_values() const override;
    CacheCounters structure_counters(std::size_t row) const override;

    Smmu& file(unsigned index) { return *files_[index]; }
    unsigned file_of(std::uint64_t address) const { return static_cast<unsigned>((address >> 12) % files_.size()); }

private:
    void invalidate(const Invalidation& invalidation) override;
    void update();
    std::vector<std::unique_ptr<Smmu>> files_;
};

}  // namespace xlate::iommu::smmuv2
