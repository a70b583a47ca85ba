#include "tests/iommu/smmuv2_fuzz.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "base/error.hpp"
#include "iommu/memory_port.hpp"
#include "iommu/smmuv2/smmu.hpp"

namespace xlate::tests {

namespace {

using namespace iommu;
using namespace iommu::smmuv2;

/// 64 KiB that repeat over the whole address space: every pointer leads to something; one hole that aborts.
class FoldedMemory : public MemoryPort {
public:
    bool read(PhysAddr address, std::uint8_t* bytes, std::uint32_t size) override {
        if (is_hole(address)) return false;
        for (std::uint32_t i = 0; i < size; ++i) bytes[i] = bytes_[(address.value + i) & kMask];
        return true;
    }
    bool write(PhysAddr address, const std::uint8_t* bytes, std::uint32_t size) override {
        if (is_hole(address)) return false;
        for (std::uint32_t i = 0; i < size; ++i) bytes_[(address.value + i) & kMask] = bytes[i];
        return true;
    }

private:
    static constexpr std::size_t kMask = 0xFFFF;
    static bool is_hole(PhysAddr address) { return (address.value >> 28 & 0xF) == 0xF; }
    std::array<std::uint8_t, kMask + 1> bytes_{};
};

class Input {
public:
    Input(const std::uint8_t* bytes, std::size_t size) : at_(bytes), end_(bytes + size) {}
    bool empty() const { return at_ == end_; }
    std::uint64_t take(unsigned size) {
        std::uint64_t word = 0;
        for (unsigned i = 0; i < size && at_ != end_; ++i) word |= std::uint64_t{*at_++} << (8 * i);
        return word;
    }

private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
};

/// Small: few groups, banks and entries, so that an input meets them again. 1: SMMUv1; 2: no matching; 3: 64K pages.
SmmuParams params(std::uint64_t kind) {
    SmmuParams p;
    p.features = kind == 1 ? features_by_name("smmu-v1") : full_features();
    p.features.numsmrg = 4;
    p.features.numcb = 4;
    p.features.numpagendxb = 2;
    p.features.numsidb = 4;
    p.features.sms = kind == 2 ? 0 : 1;
    p.features.pagesize = kind == 3 ? 1 : 0;
    p.context_interrupts = 4;
    p.caches.tlb = {true, 16, 4, Replacement::lru};
    p.caches.ipa = {true, 8, 4, Replacement::lru};
    return p;
}

constexpr std::uint64_t kStepsPerAction = 512;

template <typename Machine>
std::uint64_t drive(Machine&& machine, MemoryPort& memory) {
    Reply reply;
    for (std::uint64_t n = 1; n <= kStepsPerAction; ++n) {
        const Step& step = machine(reply);
        if (step.kind == StepKind::access) {
            serve(step.access, memory, reply);
        } else if (step.kind != StepKind::lookup && step.kind != StepKind::sync) {
            return n;
        } else {
            reply.abort = false;
        }
    }
    XLATE_CHECK(false, "an SMMUv2 that does not come to rest");
    return 0;
}

}  // namespace

std::uint64_t fuzz_smmuv2(const std::uint8_t* bytes, std::size_t size) {
    Input input(bytes, size);
    const SmmuParams p = params(input.take(1) % 4);
    Smmu smmu(p);
    const auto memory = std::make_unique<FoldedMemory>();
    std::array<Translation, 4> slots;
    const SpaceLayout space = p.features.space();
    std::uint64_t steps = 0;
    const auto settle = [&] {
        if (smmu.operation_pending()) {
            steps += drive([&](const Reply& reply) -> const Step& { return smmu.step_operation(reply); }, *memory);
        }
        if (smmu.sync_pending()) {
            steps += drive([&](const Reply& reply) -> const Step& { return smmu.step_sync(reply); }, *memory);
        }
        while (smmu.take_wire()) ++steps;
        for (Translation& slot : slots) {
            if (smmu.take_resumed()) {
                steps += drive([&](const Reply& reply) -> const Step& { return slot.step(smmu, reply); }, *memory);
            }
        }
    };
    while (!input.empty()) {
        const std::uint64_t action = input.take(1);
        switch (action % 8) {
            case 0: {
                const RegSpec& row = kBankRegisters[input.take(1) % kBankRegisters.size()];
                smmu.write_register(std::uint64_t{space.bank(action >> 4 & 3)} + row.offset, row.size,
                                    input.take(row.size));
                break;
            }
            case 1: {
                const RegSpec& row = kGlobalRegisters[input.take(1) % kGlobalRegisters.size()];
                smmu.write_register(row.offset, row.size, input.take(row.size));
                break;
            }
            case 2:
                smmu.write_register((action & 0x80) != 0 ? gr0::SMR(action >> 4 & 3) : gr0::S2CR(action >> 4 & 3), 4,
                                    input.take(4));
                break;
            case 3:
                smmu.write_register(
                    std::uint64_t{space.gr1()} + ((action & 0x80) != 0 ? 0x800 : 0) + 4 * (action >> 4 & 3), 4,
                    input.take(4));
                break;
            case 4: {
                std::uint8_t word[8];
                const std::uint64_t address = input.take(2) & ~std::uint64_t{7};
                store_le(word, 8, input.take(8));
                memory->write(PhysAddr{address}, word, 8);
                break;
            }
            case 5: {
                const std::uint64_t offset = input.take(3) & ~std::uint64_t{3};
                const unsigned width = (action & 0x10) != 0 ? 8 : 4;
                if ((action & 0x20) != 0) smmu.write_register(offset, width, input.take(width));
                smmu.read_register(offset, width);
                break;
            }
            case 6: {
                Request request;
                request.sid = StreamId{static_cast<std::uint32_t>(input.take(1) & 0x1F)};
                request.address = input.take((action & 0x80) != 0 ? 8 : 4) & ~std::uint64_t{63};
                const std::uint64_t flags = input.take(1);
                request.write = (flags & 1) != 0;
                request.instruction = (flags & 2) != 0;
                request.privileged = (flags & 4) != 0;
                request.debug = (flags & 0x18) == 0x18;
                request.unsupported = (flags & 0x60) == 0x60;
                request.id = flags;
                Translation& slot = slots[action >> 4 & 3];
                slot.start(smmu, request);
                steps += drive([&](const Reply& reply) -> const Step& { return slot.step(smmu, reply); }, *memory);
                break;
            }
            default:
                if (action == 0xFF) smmu.reset();
                settle();
                break;
        }
    }
    settle();
    return steps;
}

}  // namespace xlate::tests

#ifdef XLATE_FUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    xlate::tests::fuzz_smmuv2(bytes, size);
    return 0;
}
#endif
