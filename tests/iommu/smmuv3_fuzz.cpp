#include "tests/iommu/smmuv3_fuzz.hpp"

#include <array>
#include <vector>

#include "iommu/smmuv3/runner.hpp"

namespace xlate::tests {

namespace {

using namespace iommu;
using namespace iommu::smmuv3;

/// 64 KiB that repeat over the whole address space: every pointer leads to something.
class FoldedMemory : public MemoryPort {
public:
    bool read(PhysAddr address, std::uint8_t* bytes, std::uint32_t size) override {
        if ((address.value >> 40 & 0x3F) == 0x3F) return false;
        for (std::uint32_t i = 0; i < size; ++i) bytes[i] = bytes_[(address.value + i) & 0xFFFF];
        return true;
    }
    bool write(PhysAddr address, const std::uint8_t* bytes, std::uint32_t size) override {
        if ((address.value >> 40 & 0x3F) == 0x3F) return false;
        for (std::uint32_t i = 0; i < size; ++i) bytes_[(address.value + i) & 0xFFFF] = bytes[i];
        return true;
    }

private:
    std::array<std::uint8_t, 0x10000> bytes_{};
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

constexpr std::uint64_t kStepsPerAction = 4096;

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
    SmmuParams params;
    const std::uint64_t features = input.take(1);
    params.features = features % 3 == 0 ? qemu_like() : features % 3 == 1 ? full_features() : mmu600_like();
    params.caches.tlb.entries = 16;
    params.caches.config.entries = 8;
    Smmu smmu(params);
    FoldedMemory memory;
    std::array<Translation, 4> translations;
    std::uint64_t steps = 0;
    const auto commands = [&](const Reply& reply) -> const Step& { return smmu.step_commands(reply); };
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
                const auto offset = static_cast<std::uint32_t>(input.take(3) & (kRegisterBytes - 4));
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
                steps += drive(commands, memory);
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
