// An SMMU with a plain memory behind it, programmed as a driver would: the bench that the SMMUv3 tests share.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "iommu/memory_port.hpp"
#include "iommu/smmuv3/purpose.hpp"
#include "iommu/smmuv3/runner.hpp"

namespace xlate::tests {

using namespace iommu;          // NOLINT(google-build-using-namespace)
using namespace iommu::smmuv3;  // NOLINT(google-build-using-namespace)

/// Section 13.1's setup: two-level stream table at 0x80180000, SPLIT 8, LOG2SIZE 16, RECINVSID; queues of 32 and 256.
struct Bench {
    static constexpr std::uint64_t kCmdq = 0x80040000, kEvtq = 0x80060000, kPriq = 0x80070000, kStrtab = 0x80180000;
    static constexpr std::uint64_t kL2 = 0x80100000;  ///< STEs of SIDs 0..255
    static constexpr StreamId kSid{0x10};

    SparseMemory memory;
    Smmu smmu;
    Translation translation;
    std::vector<MemoryAccess> accesses;
    std::vector<Interrupt> interrupts;

    static SmmuParams params(Features features) {
        SmmuParams p;
        p.features = features;
        return p;
    }
    /// Section 13.1 wants OAS 44 and everything else there.
    static Features features_44() {
        Features f = full_features();
        f.oas = 4;
        f.ds = f.vax = 0;
        return f;
    }

    explicit Bench(Features features = features_44()) : Bench(params(features)) {}
    explicit Bench(const SmmuParams& p, bool enable = true) : smmu(p) {
        if (enable) bring_up();
    }

    std::uint64_t read(std::uint32_t offset, unsigned size = 4) const { return smmu.read_register(offset, size); }
    void write(std::uint32_t offset, std::uint64_t value, unsigned size = 4) {
        smmu.write_register(offset, size, value);
        settle();
    }
    void settle() {
        iommu::smmuv3::settle(smmu, memory);
        while (const auto pulse = smmu.take_interrupt()) interrupts.push_back(*pulse);
    }
    void bring_up() {
        write(reg::CR1, 0xD75);
        write(reg::CR2, cr2::RECINVSID.mask());
        write(reg::STRTAB_BASE, kStrtab, 8);
        write(reg::STRTAB_BASE_CFG, 0x10210);
        memory.store(kStrtab, kL2 | 9);
        write(reg::CMDQ_BASE, kCmdq | 8, 8);
        write(reg::CMDQ_PROD, 0);
        write(reg::CMDQ_CONS, 0);
        write(reg::EVENTQ_BASE, kEvtq | 5, 8);
        write(reg::EVENTQ_PROD, 0);
        write(reg::EVENTQ_CONS, 0);
        write(reg::PRIQ_BASE, kPriq | 3, 8);
        write(reg::PRIQ_PROD, 0);
        write(reg::PRIQ_CONS, 0);
        write(reg::IRQ_CTRL, 7);
        write(reg::CR0, cr0::SMMUEN.mask() | cr0::PRIQEN.mask() | cr0::EVENTQEN.mask() | cr0::CMDQEN.mask());
    }
    /// The STE of one of SIDs 0..255; only the words given, the rest 0.
    void ste(StreamId sid, const std::vector<std::uint64_t>& words) { store_words(kL2 + 64ULL * value(sid), words, 8); }
    void store_words(std::uint64_t address, const std::vector<std::uint64_t>& words, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) memory.store(address + 8 * i, i < words.size() ? words[i] : 0);
    }
    /// Puts a command into the queue and lets it run.
    void command(const CommandWords& words) {
        QueueRegisters& q = smmu.registers.cmdq;
        memory.store(q.address(q.prod, kCommandBytes), words[0]);
        memory.store(q.address(q.prod, kCommandBytes) + 8, words[1]);
        write(reg::CMDQ_PROD, q.next(q.prod));
    }
    /// Translates, and remembers every access that was made.
    const Step& step(const Request& request) {
        accesses.clear();
        translation.start(smmu, request);
        return go_on();
    }
    const Step& go_on() {
        const Step& result = run([&](const Reply& reply) -> const Step& { return translation.step(smmu, reply); },
                                 memory, [&](const MemoryAccess& access) { accesses.push_back(access); });
        settle();
        return result;
    }
    static Request read_of(std::uint64_t address, StreamId sid = kSid) {
        Request request;
        request.sid = sid;
        request.address = address;
        return request;
    }
    static Request write_of(std::uint64_t address, StreamId sid = kSid) {
        Request request = read_of(address, sid);
        request.write = true;
        return request;
    }
    /// The next event that software has not consumed; consumes it.
    std::optional<EventWords> event() {
        QueueRegisters& q = smmu.registers.eventq;
        if (q.empty()) return std::nullopt;
        EventWords words{};
        for (std::size_t i = 0; i < 4; ++i) words[i] = memory.load(q.address(q.cons, kEventBytes) + 8 * i);
        write(reg::EVENTQ_CONS, (q.prod & 0x80000000U) | (q.next(q.cons) & 0x7FFFFFFFU));
        return words;
    }
    bool touched(std::uint64_t address) const {
        for (const MemoryAccess& access : accesses) {
            if (access.address.value == address) return true;
        }
        return false;
    }
};

}  // namespace xlate::tests
