// IOMMUs with their hardware behind the registers of a test's machine, without time: a register access reaches the
// engine, and then everything that the hardware does by itself has happened.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "firmware/description.hpp"
#include "firmware/iommu_families.hpp"
#include "iommu/families.hpp"
#include "iommu/untimed.hpp"

namespace xlate::kernel::tests {

/// CPU memory, as walkers and queues see it.
class MachineMemory final : public iommu::MemoryPort {
public:
    explicit MachineMemory(std::map<std::uint64_t, std::uint8_t>& bytes) : bytes_(bytes) {}
    bool read(PhysAddr address, std::uint8_t* to, std::uint32_t size) override {
        for (std::uint32_t i = 0; i < size; ++i) to[i] = bytes_[address.value + i];
        return true;
    }
    bool write(PhysAddr address, const std::uint8_t* from, std::uint32_t size) override {
        for (std::uint32_t i = 0; i < size; ++i) bytes_[address.value + i] = from[i];
        return true;
    }

private:
    std::map<std::uint64_t, std::uint8_t>& bytes_;
};

class Engines {
public:
    using Handlers = std::map<std::pair<firmware::NodeIndex, std::string>, std::function<void()>>;
    Engines(std::map<std::uint64_t, std::uint8_t>& memory, Handlers& handlers) : memory_(memory), handlers_(handlers) {}

    /// Those nodes of families with an engine that `wanted` takes. `description` outlives it.
    void add(const firmware::Description& description, const std::function<bool(const firmware::Node&)>& wanted) {
        for (const firmware::NodeIndex at : description.providers()) {
            const firmware::Node& node = description.node(at);
            const iommu::Family* family = iommu::find_family(firmware::iommu_kind(node).family);
            if (family == nullptr || node.regs.empty() || !wanted(node)) continue;
            iommu::InstanceParams params;
            params.name = node.path;
            params.facts.compatible = node.compatible.empty() ? "" : node.compatible.front();
            for (const firmware::Reg& reg : node.regs) params.facts.register_bytes.push_back(reg.size);
            params.facts.interrupts = static_cast<unsigned>(node.interrupts.size());
            auto unit = std::make_unique<Unit>();
            unit->node = &node;
            unit->index = at;
            unit->instance = family->make(params);
            unit->untimed = std::make_unique<iommu::Untimed>(*unit->instance, memory_);
            unit->untimed->on_wire = [this, owner = unit.get()](const iommu::WireSpec& wire) { raise(*owner, wire); };
            units_.push_back(std::move(unit));
        }
    }
    /// False: no engine is there.
    bool read(PhysAddr address, unsigned size, std::uint64_t& value) {
        const Place place = at(address);
        if (place.untimed != nullptr) value = place.untimed->read_register(place.offset, size, place.bank);
        return place.untimed != nullptr;
    }
    bool write(PhysAddr address, unsigned size, std::uint64_t value) {
        const Place place = at(address);
        if (place.untimed != nullptr) place.untimed->write_register(place.offset, size, value, place.bank);
        return place.untimed != nullptr;
    }

private:
    struct Unit {
        const firmware::Node* node = nullptr;
        firmware::NodeIndex index{};
        std::unique_ptr<iommu::Instance> instance;
        std::unique_ptr<iommu::Untimed> untimed;
    };
    struct Place {
        iommu::Untimed* untimed = nullptr;
        std::uint64_t offset = 0;
        unsigned bank = 0;
    };
    Place at(PhysAddr address) const {
        for (const std::unique_ptr<Unit>& unit : units_) {
            for (unsigned bank = 0; bank < unit->node->regs.size() && bank < unit->instance->register_banks(); ++bank) {
                const firmware::Reg& reg = unit->node->regs[bank];
                const std::uint64_t base = reg.cpu_address.value_or(reg.address);
                if (address.value - base < reg.size) return {unit->untimed.get(), address.value - base, bank};
            }
        }
        return {};
    }
    void raise(const Unit& unit, const iommu::WireSpec& wire) {
        std::string name = std::string(wire.name);
        if (name.empty())
            name = wire.index < unit.node->interrupts.size() ? unit.node->interrupts[wire.index].name
                                                             : std::to_string(wire.index);
        for (const std::string& one : {name, std::to_string(wire.index), std::string("combined")}) {
            const auto handler = handlers_.find({unit.index, one});
            if (handler == handlers_.end()) continue;
            handler->second();
            return;
        }
    }

    MachineMemory memory_;
    Handlers& handlers_;
    std::vector<std::unique_ptr<Unit>> units_;
};

}  // namespace xlate::kernel::tests
