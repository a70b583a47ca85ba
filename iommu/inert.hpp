// An IOMMU whose registers are plain memory: they keep what is written, and nothing is behind them. It answers no
// command, raises no interrupt, and treats traffic as the unit behind it does before software has come. Such are the
// register files of test boards that lie in RAM, and a block that has neither clock nor power behind a live bus.
// Owns the unit, which says what there is (sheet, banks, wires) and what registers hold at first.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "iommu/instance.hpp"

namespace xlate::iommu {

class Inert final : public Instance {
public:
    explicit Inert(std::unique_ptr<Instance> unit) : unit_(std::move(unit)) {}

    const InstanceSpec& spec() const override { return unit_->spec(); }
    void reset() override;
    unsigned register_banks() const override { return unit_->register_banks(); }
    std::uint64_t register_bytes(unsigned bank) const override { return unit_->register_bytes(bank); }
    std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank) const override;
    void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank) override;
    std::unique_ptr<TranslationSlot> make_translation() override { return unit_->make_translation(); }
    unsigned wires() const override { return unit_->wires(); }
    WireSpec wire(unsigned index) const override { return unit_->wire(index); }
    std::vector<std::uint64_t> counter_values() const override { return unit_->counter_values(); }
    CacheCounters structure_counters(std::size_t row) const override { return unit_->structure_counters(row); }

private:
    std::unique_ptr<Instance> unit_;
    std::map<std::pair<unsigned, std::uint64_t>, std::uint32_t> words_;  ///< by bank and offset: what was written
};

}  // namespace xlate::iommu
