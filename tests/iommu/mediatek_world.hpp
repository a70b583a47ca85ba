// An M4U over words of memory, programmed by hand from docs/spec/iommu-hardware.md section 16.3.
#pragma once

#include <map>
#include <vector>

#include "iommu/mediatek/m4u.hpp"
#include "iommu/memory_port.hpp"
#include "iommu/untimed.hpp"

namespace xlate::iommu::mediatek::tests {

class Words : public MemoryPort {
public:
    bool read(PhysAddr address, std::uint8_t* bytes, std::uint32_t size) override {
        if (address.value >= refused_from) return false;
        const auto found = words.find(address.value);
        store_le(bytes, size, found == words.end() ? 0 : found->second);
        return true;
    }
    bool write(PhysAddr, const std::uint8_t*, std::uint32_t) override { return false; }
    std::map<std::uint64_t, std::uint32_t> words;
    std::uint64_t refused_from = ~std::uint64_t{0};
};

/// Larb numbers behind each other; then the SMI common.
inline Parameters parameters_of(std::string_view compatible, const std::vector<unsigned>& larbs) {
    Parameters parameters;
    parameters.soc = *find_soc(compatible);
    for (const unsigned larb : larbs) parameters.satellites.push_back({Satellite::Kind::larb, larb, 0x1000});
    parameters.satellites.push_back({Satellite::Kind::smi_common, 0, 0x1000});
    return parameters;
}

struct World {
    explicit World(const Parameters& parameters) : mmu(parameters), owner(mmu, memory) {
        owner.on_wire = [this](const WireSpec& wire) { pulses.push_back(wire.index); };
    }
    void write(std::uint32_t offset, std::uint32_t value, unsigned bank = 0) {
        owner.write_register(offset, 4, value, bank);
    }
    std::uint32_t read(std::uint32_t offset, unsigned bank = 0) const {
        return static_cast<std::uint32_t>(owner.read_register(offset, 4, bank));
    }
    /// Register bank of the larb that was named at this place.
    static unsigned larb(unsigned place) { return 1 + place; }
    void range(std::uint64_t first, std::uint64_t last, std::uint32_t inv_sel, std::uint32_t at = 0) {
        write(at + inv_sel, 3);
        write(at + reg::INVLD_START, invld_word(first));
        write(at + reg::INVLD_END, invld_word(last));
        write(at + reg::INVALIDATE, 1);
    }
    Step access(std::uint32_t id, std::uint64_t address, bool is_write = false) {
        Request request;
        request.sid = StreamId{id};
        request.address = address;
        request.write = is_write;
        return owner.translate(request);
    }
    /// None: it went on, to `pa`.
    Fault fault(std::uint32_t id, std::uint64_t address, bool is_write = false) {
        const Step step = access(id, address, is_write);
        pa = step.kind == StepKind::done ? step.result.pa.value : 0;
        return step.kind == StepKind::fault ? static_cast<Fault>(step.result.fault) : Fault::none;
    }
    Words memory;
    M4u mmu;
    Untimed owner;
    std::vector<unsigned> pulses;
    std::uint64_t pa = 0;
};

}  // namespace xlate::iommu::mediatek::tests
