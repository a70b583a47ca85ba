// The machine of the boots of corpus/linux-boot-families: an IOMMU's registers are reserved RAM that keeps what is
// written, presets come from QEMU's `-device loader`, and a case of the kind "e" answers in one place (`on_write`).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bits.hpp"
#include "tests/corpus.hpp"
#include "tests/kernel-model/immediate_machine.hpp"

namespace xlate::kernel::tests {

struct RegisterLogEntry {
    bool write = false;
    unsigned bits = 32;
    std::uint64_t address = 0;
    std::uint64_t value = 0;
};

class RegisterMachine : public ImmediateMachine {
public:
    /// Every access to [first, last] is RAM and is logged.
    std::uint64_t first = 0x7F000000;
    std::uint64_t last = 0x7FFFFFFF;
    std::vector<RegisterLogEntry> log;
    /// After a write, before the next access.
    std::function<void(std::uint64_t address, std::uint64_t value)> on_write;

    std::uint64_t word(std::uint64_t address, unsigned size = 4) {
        std::uint8_t bytes[8] = {};
        memory_read(PhysAddr{address}, bytes, size);
        return load_le(bytes, size);
    }
    void set_word(std::uint64_t address, std::uint64_t value, unsigned size = 4) {
        std::uint8_t bytes[8] = {};
        store_le(bytes, size, value);
        memory_write(PhysAddr{address}, bytes, size);
    }
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override {
        pass(ns(100));
        if (address.value < first || address.value > last) return ImmediateMachine::mmio_read(address, size);
        log.push_back({false, size * 8, address.value, word(address.value, size)});
        return log.back().value;
    }
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override {
        pass(ns(100));
        if (address.value < first || address.value > last) return ImmediateMachine::mmio_write(address, size, value);
        log.push_back({true, size * 8, address.value, value & low_mask(size * 8)});
        set_word(address.value, value, size);
        if (on_write) on_write(address.value, value);
    }

    /// Whose tasks others run beside while they sleep; nullptr: sleep only takes time.
    Scheduler* scheduler = nullptr;
    void sleep(SimTime time) override {
        if (scheduler == nullptr || !scheduler->in_task()) return ImmediateMachine::sleep(time);
        Task& task = scheduler->current();
        set_timer(time, [this, &task] { task_ready(task); });
        scheduler->suspend();
    }

    /// What QEMU's command line loads: `-device loader,addr=..,data=..,data-len=..` and `file=..,force-raw=on`, files
    /// beside it (one that the corpus does not have: said in `missing_files`).
    void preset(const std::filesystem::path& folder);
    std::vector<std::string> missing_files;
};

}  // namespace xlate::kernel::tests
