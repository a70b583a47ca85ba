// A DART over a plain memory, its tables built by hand from the layout.
#pragma once

#include <cstdint>
#include <map>

#include "iommu/dart/dart.hpp"
#include "iommu/memory_port.hpp"
#include "iommu/untimed.hpp"

namespace xlate::iommu::dart {

class WordMemory : public MemoryPort {
public:
    bool read(PhysAddr address, std::uint8_t* bytes, std::uint32_t size) override {
        ++reads;
        for (std::uint32_t i = 0; i < size; i += 8) store_le(bytes + i, 8, words[address.value + i]);
        return address.value < limit;
    }
    bool write(PhysAddr address, const std::uint8_t* bytes, std::uint32_t size) override {
        for (std::uint32_t i = 0; i < size; i += 8) words[address.value + i] = load_le(bytes + i, 8);
        return address.value < limit;
    }
    std::map<std::uint64_t, std::uint64_t> words;
    std::uint64_t limit = std::uint64_t{1} << 48;
    unsigned reads = 0;
};

struct World {
    explicit World(const DartParams& params) : dart(params), owner(dart, memory) {
        const bool first = params.generation == Generation::t8020;
        if (first) {
            write(t8020::STREAMS_ENABLE, 0xFFFFFFFF);
        } else {
            for (unsigned i = 0; i < kMaxStreams / 32; ++i) write(t8110::ENABLE + 4 * i, 0xFFFFFFFF);
        }
    }
    void write(std::uint32_t offset, std::uint32_t value) { owner.write_register(offset, 4, value); }
    std::uint32_t read(std::uint32_t offset) const {
        return static_cast<std::uint32_t>(owner.read_register(offset, 4));
    }
    void set_tcr(unsigned stream, std::uint32_t value) {
        write(dart.params().generation == Generation::t8020 ? t8020::tcr_offset(stream) : t8110::tcr_offset(stream),
              value);
    }
    void set_ttbr(unsigned stream, unsigned index, std::uint64_t table) {
        if (dart.params().generation == Generation::t8020) {
            write(t8020::ttbr_offset(stream, index), static_cast<std::uint32_t>(0x80000000 | table >> 12));
        } else {
            write(t8110::ttbr_offset(stream), static_cast<std::uint32_t>(1 | table >> 14 << 2));
        }
    }
    Step access(unsigned stream, std::uint64_t address, bool is_write = false, std::uint32_t length = 64) {
        Request request;
        request.sid = StreamId{stream};
        request.address = address;
        request.write = is_write;
        request.length = length;
        return owner.translate(request);
    }
    FaultCode fault(unsigned stream, std::uint64_t address, bool is_write = false, std::uint32_t length = 64) {
        const Step step = access(stream, address, is_write, length);
        return step.kind == StepKind::fault ? static_cast<FaultCode>(step.result.fault) : FaultCode::none;
    }

    WordMemory memory;
    Dart dart;
    Untimed owner;
};

}  // namespace xlate::iommu::dart
