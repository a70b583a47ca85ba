// Flat simulated memory on the host, for engines that are measured alone.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "bench/smmu_tables.hpp"
#include "iommu/memory_port.hpp"

namespace xlate::bench {

/// Addresses [0, bytes). Everything else is an external abort.
class PlainMemory final : public iommu::MemoryPort, public WordMemory {
public:
    explicit PlainMemory(std::size_t bytes) : bytes_(bytes) {}

    bool read(PhysAddr address, std::uint8_t* bytes, std::uint32_t size) override {
        if (address.value + size > bytes_.size()) return false;
        std::memcpy(bytes, bytes_.data() + address.value, size);
        return true;
    }
    bool write(PhysAddr address, const std::uint8_t* bytes, std::uint32_t size) override {
        if (address.value + size > bytes_.size()) return false;
        std::memcpy(bytes_.data() + address.value, bytes, size);
        return true;
    }
    std::uint64_t load(std::uint64_t address) override { return load_le(bytes_.data() + address, 8); }
    void store(std::uint64_t address, std::uint64_t word) override { store_le(bytes_.data() + address, 8, word); }

private:
    std::vector<std::uint8_t> bytes_;
};

}  // namespace xlate::bench
