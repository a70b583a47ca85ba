#include "tests/iommu/smmuv3_fuzz.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "iommu/smmuv3/runner.hpp"

namespace xlate::tests {

namespace {

using namespace iommu;
using namespace iommu::smmuv3;

/// 64 KiB that repeat over the whole address space: every pointer leads to something. Kept over inputs: clear() undoes
/// what one has written, since clearing all of it would cost more than most inputs do.
class FoldedMemory : public MemoryPort {
public:
    bool read(PhysAddr address, std::uint8_t* bytes, std::uint32_t size) override {
        if (is_hole(address)) return false;
        const std::size_t at = address.value & kMask;
        const std::size_t head = std::min<std::size_t>(size, kMask + 1 - at);
        std::memcpy(bytes, bytes_.data() + at, head);
        std::memcpy(bytes + head, bytes_.data(), size - head);
        return true;
    }
    bool write(PhysAddr address, const std::uint8_t* bytes, std::uint32_t size) override {
        if (is_hole(address)) return false;
        const std::size_t at = address.value & kMask;
        const std::size_t head = std::min<std::size_t>(size, kMask + 1 - at);
        std::memcpy(bytes_.data() + at, bytes, head);
        std::memcpy(bytes_.data(), bytes + head, size - head);
        dirty_[at >> kPageBits] = true;
        dirty_[((at + size - 1) & kMask) >> kPageBits] = true;
        return true;
    }
    void clear() {
        for (std::size_t page = 0; page < dirty_.size(); ++page) {
            if (!dirty_[page]) continue;
            std::memset(bytes_.data() + (page << kPageBits), 0, std::size_t{1} << kPageBits);
            dirty_[page] = false;
        }
    }

private:
    static constexpr std::size_t kMask = 0xFFFF;
    static constexpr unsigned kPageBits = 9;
    static bool is_hole(PhysAddr address) { return (address.value >> 40 & 0x3F) == 0x3F; }
    std::array<std::uint8_t, kMask + 1> bytes_{};
    std::array<bool, ((kMask + 1) >> kPageBits)> dirty_{};
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

constexpr std::uint64_t kStepsPerAction = 512;  ///< a queue that wraps over folded memory never runs dry

/// Small caches: entries are replaced often, and an input costs no large allocations.
SmmuParams small(const Features& features) {
    SmmuParams params;
    params.features = features;
    params.caches.tlb.entries = 16;
    params.caches.config.entries = 8;
    params.caches.ipa.entries = 8;
    params.commands_per_fetch = features.ats != 0 ? 4 : 1;
    for (unsigned level = 0; level < 4; ++level) {
        params.caches.walk_s1[level].entries = 4;
        params.caches.walk_s2[level].entries = 4;
    }
    return params;
}

Features with_ecmdqs() {
    Features features = full_features();
    features.ecmdq = 1;
    features.ecmdq_log2numq = 2;
    return features;
}

/// Steps a machine until it has nothing to do, or has done enough.
template <typename Machine>
std::uint64_t drive(Machine&& machine, MemoryPort& memory) {
    Reply reply;
    for (std::uint64_t n = 1; n <= kStepsPerAction; ++n) {
        const Step& step = machine(reply);
        if (step.kind == StepKind::access) {
            serve(step.access, memory, reply);
        } else if (step.kind != StepKind::lookup && step.kind != StepKind::executed && step.kind != StepKind::sync) {
            return n;
        } else {
            reply.abort = false;
        }
    }
    return kStepsPerAction;
}

}  // namespace

std::uint64_t fuzz_smmuv3(const std::uint8_t* bytes, std::size_t size) {
    Input input(bytes, size);
    // Copies of a powered-on one are snapshots, cheaper than construction.
    static const std::array<Smmu, 3> kFresh{Smmu{small(qemu_like())}, Smmu{small(with_ecmdqs())},
                                            Smmu{small(mmu600_like())}};
    static FoldedMemory memory;
    memory.clear();
    Smmu smmu = kFresh[input.take(1) % kFresh.size()];
    std::array<Translation, 4> translations;
    std::uint64_t steps = 0;
    const auto outputs = [&](const Reply& reply) -> const Step& { return smmu.step_outputs(reply); };
    const auto gatos = [&](const Reply& reply) -> const Step& { return smmu.step_gatos(reply); };
    while (!input.empty()) {
        switch (input.take(1) % 8) {
            case 0: {
                const RegSpec& row = kRegisters[input.take(1) % kRegisters.size()];
                smmu.write_register(row.offset, row.size, input.take(row.size));
                break;
            }
            case 1: {
                const auto offset = static_cast<std::uint32_t>(input.take(3) & (2 * kRegisterBytes - 4));
                smmu.write_register(offset, 4, input.take(4));
                steps += smmu.read_register(offset, 4) != 0 ? 1 : 0;
                break;
            }
            case 2: {
                std::uint8_t word[8];
                const std::uint64_t address = input.take(2) & ~std::uint64_t{7};
                store_le(word, 8, input.take(8));
                memory.write(PhysAddr{address}, word, 8);
                break;
            }
            case 3:
                smmu.apply_acks();
                break;
            case 4:
                for (std::uint32_t queue = 0; queue < smmu.command_queues(); ++queue) {
                    if (!smmu.commands_pending(queue)) continue;
                    steps += drive([&](const Reply& reply) -> const Step& { return smmu.step_commands(reply, queue); },
                                   memory);
                }
                break;
            case 5:
                steps += drive(outputs, memory);
                if (smmu.gatos_pending()) steps += drive(gatos, memory);
                while (smmu.take_interrupt()) ++steps;
                break;
            case 6: {
                const std::uint64_t flags = input.take(2);
                Request request;
                request.sid = StreamId{static_cast<std::uint32_t>(input.take(2))};
                if ((flags & 1) != 0) request.ssid = SubstreamId{static_cast<std::uint32_t>(input.take(3) & 0xFFFFF)};
                request.address = input.take(8);
                request.write = (flags & 2) != 0;
                request.instruction = (flags & 4) != 0;
                request.privileged = (flags & 8) != 0;
                request.prefetch = (flags & 16) != 0;
                request.debug = (flags & 32) != 0;
                request.ats = static_cast<AtsType>((flags >> 6) % 3);
                request.no_write = (flags & 0x200) != 0;
                Translation& translation = translations[(flags >> 10) & 3];
                translation.start(smmu, request);
                steps +=
                    drive([&](const Reply& reply) -> const Step& { return translation.step(smmu, reply); }, memory);
                while (smmu.take_resumed()) ++steps;
                break;
            }
            case 7: {
                PageRequest request;
                const std::uint64_t flags = input.take(1);
                request.sid = StreamId{static_cast<std::uint32_t>(input.take(2))};
                request.last = (flags & 1) != 0;
                request.read = (flags & 2) != 0;
                request.address = input.take(4) << 12;
                smmu.page_request(request);
                if ((flags & 4) != 0) smmu.take_page_response();
                if ((flags & 8) != 0) smmu.reset();
                break;
            }
        }
    }
    return steps;
}

}  // namespace xlate::tests

#ifdef XLATE_FUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    xlate::tests::fuzz_smmuv3(bytes, size);
    return 0;
}
#endif
