// The smallest IOMMU that is one: a table of words by page, one register that says where, one that drops a page and has
// a busy bit. What it takes to be run by the timed shell and by the untimed owner is all here.
#pragma once

#include <array>
#include <memory>

#include "iommu/instance.hpp"

namespace xlate::tests::toy {

using namespace iommu;  // NOLINT(google-build-using-namespace)

inline constexpr std::uint64_t kTable = 0x0, kDrop = 0x8, kStatus = 0x10;  ///< registers: u64, u32 page, u32 busy
inline constexpr std::uint64_t kPages = 4096;                              ///< words: page | 1 readable | 2 writable

inline constexpr std::array kWires{WireSpec{"fault", 0}};
inline constexpr std::array kMachines{MachineSpec{"drop", MachineRole::commands}};
inline constexpr std::array kCounters{CounterSpec{"walks", "", "table words read"},
                                      CounterSpec{"walk_reads", "", "the same"}};
inline constexpr std::array kPurposes{PurposeSpec{"word", AccessRole::walk, 1, 3}};
inline constexpr InstanceSpec kSheet{
    "toy",
    "A toy",
    12,
    Ports::one_per_master,
    {kWires.data(), 1},
    {kMachines.data(), 1},
    {},
    {kCounters.data(), 2},
    {kPurposes.data(), 1},
    [](std::uint16_t) { return std::string("NO_PAGE"); },
    nullptr,
    [](const Invalidation& dropped) { return "DROP " + std::to_string(dropped.first >> 12); }};

class Toy final : public Instance {
public:
    const InstanceSpec& spec() const override { return kSheet; }
    void reset() override { table = 0, busy = fault = translates_ = false; }
    std::uint64_t register_bytes(unsigned) const override { return 0x1000; }
    std::uint64_t read_register(std::uint64_t offset, unsigned, unsigned) const override {
        return offset == kTable ? table : offset == kStatus ? busy : 0;
    }
    void write_register(std::uint64_t offset, unsigned, std::uint64_t value, unsigned) override {
        if (offset == kTable) table = value, translates_ = value != 0;
        if (offset != kDrop) return;
        Invalidation page;
        page.target = Invalidation::Target::translations;
        page.by_address = true;
        page.first = value << 12, page.last = page.first + 0xFFF;
        busy = true, ++epoch_;
        tell(page);
    }
    unsigned machines() const override { return 1; }
    bool machine_pending(unsigned) const override { return busy; }
    const Step& step_machine(unsigned, const Reply&) override {
        step_.kind = step_.kind == StepKind::sync ? StepKind::idle : StepKind::sync;
        if (step_.kind == StepKind::idle) busy = false;
        return step_;
    }
    std::optional<unsigned> take_wire() override {
        return std::exchange(fault, false) ? std::optional(0U) : std::nullopt;
    }
    std::vector<std::uint64_t> counter_values() const override { return {walks, walks}; }
    std::unique_ptr<TranslationSlot> make_translation() override;

    std::uint64_t table = 0, walks = 0;
    bool busy = false, fault = false;

private:
    Step step_;
};

class Slot final : public TranslationSlot {
public:
    explicit Slot(Toy& toy) : toy_(toy) {}
    void start(const Request& request) override { request_ = request, epoch_ = toy_.epoch(), step_ = {}; }
    void again() override { start(request_); }
    std::optional<std::uint64_t> walked_space() const override { return std::nullopt; }
    std::uint32_t epoch() const override { return epoch_; }
    const Step& step(const Reply& reply) override {
        CachedTranslation& entry = step_.result.entry;
        entry.va = entry.pa = request_.address & ~std::uint64_t{0xFFF};
        entry.stream = stream_tag(request_.sid, request_.ssid);
        entry.bypass = !toy_.translates();
        entry.permissions = {Permissions::kAll};
        if (toy_.translates() && step_.kind == StepKind::idle && request_.address >> 12 < kPages) {
            ++toy_.walks;
            step_.kind = StepKind::access;
            step_.access = {};
            step_.access.address = PhysAddr{toy_.table + (request_.address >> 12) * 8};
            step_.access.size = 8;
            return step_;
        }
        const std::uint64_t word = step_.kind == StepKind::access && !reply.abort ? load_le(reply.data.data(), 8) : 0;
        const bool passes = entry.bypass || (word & (request_.write ? 2U : 1U)) != 0;
        step_.kind = passes ? StepKind::done : StepKind::fault;
        if (!passes) step_.result.fault = 1, step_.result.response = Response::abort, toy_.fault = true;
        if (!entry.bypass) entry.pa = word & ~std::uint64_t{0xFFF};
        if (!entry.bypass) entry.permissions = {static_cast<std::uint8_t>((word & 3) * 9)};
        step_.result.pa = PhysAddr{entry.pa + (request_.address & 0xFFF)};
        step_.result.cacheable = passes && epoch_ == toy_.epoch();
        step_.result.epoch = epoch_;
        return step_;
    }

private:
    Toy& toy_;
    Request request_;
    std::uint32_t epoch_ = 0;
    Step step_;
};

inline std::unique_ptr<TranslationSlot> Toy::make_translation() { return std::make_unique<Slot>(*this); }

}  // namespace xlate::tests::toy
