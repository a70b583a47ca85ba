#include "explore/machine/hardware.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/error.hpp"

namespace xlate::explore {

void RunMemory::load(std::uint64_t address, std::uint8_t* bytes, std::size_t size) const {
    while (size != 0) {
        const std::size_t at = address & (kPiece - 1);
        const std::size_t count = std::min(size, kPiece - at);
        const auto piece = pieces_.find(address >> kPieceLog2);
        if (piece == pieces_.end()) {
            std::memset(bytes, 0, count);
        } else {
            std::memcpy(bytes, piece->second.data() + at, count);
        }
        address += count;
        bytes += count;
        size -= count;
    }
}

void RunMemory::store(std::uint64_t address, const std::uint8_t* bytes, std::size_t size) {
    while (size != 0) {
        const std::size_t at = address & (kPiece - 1);
        const std::size_t count = std::min(size, kPiece - at);
        auto piece = pieces_.find(address >> kPieceLog2);
        if (piece == pieces_.end() && std::any_of(bytes, bytes + count, [](std::uint8_t byte) { return byte != 0; })) {
            piece = pieces_.emplace(address >> kPieceLog2, std::array<std::uint8_t, kPiece>{}).first;
        }
        if (piece != pieces_.end()) std::memcpy(piece->second.data() + at, bytes, count);
        address += count;
        bytes += count;
        size -= count;
    }
}

std::string Landing::text() const {
    if (in_memory) return fmt::format("reaches {:#x}", address.value);
    return fault_name.empty() ? "is refused without a record" : "is refused: " + fault_name;
}

void Hardware::add(firmware::NodeIndex index, const firmware::Node& node, std::unique_ptr<iommu::Instance> instance) {
    auto owner = std::make_unique<iommu::Untimed>(*instance, memory);
    owner->on_wire = [this, index, &node](const iommu::WireSpec& wire) { raise(index, node, wire); };
    units_.push_back({index, &node, std::move(instance), std::move(owner)});
}

void Hardware::add_master(const std::string& device, firmware::NodeIndex iommu, StreamId sid) {
    masters_.push_back({device, iommu, sid});
}

Hardware::Register Hardware::register_at(PhysAddr address) const {
    for (const Unit& unit : units_) {
        for (unsigned bank = 0; bank < unit.node->regs.size() && bank < unit.instance->register_banks(); ++bank) {
            const firmware::Reg& range = unit.node->regs[bank];
            const std::uint64_t base = range.cpu_address.value_or(range.address);
            if (address.value >= base && address.value - base < range.size)
                return {unit.owner.get(), address.value - base, bank};
        }
    }
    return {};
}

const Hardware::Unit* Hardware::unit_of(firmware::NodeIndex index) const {
    for (const Unit& unit : units_) {
        if (unit.index == index) return &unit;
    }
    return nullptr;
}

std::uint64_t Hardware::read_register(PhysAddr address, unsigned size) {
    const Register at = register_at(address);
    if (at.owner == nullptr) return 0;
    if (on_use) on_use(false);
    return at.owner->read_register(at.offset, size, at.bank);
}

void Hardware::write_register(PhysAddr address, unsigned size, std::uint64_t value) {
    const Register at = register_at(address);
    if (at.owner == nullptr) return;
    if (on_use) on_use(false);
    at.owner->write_register(at.offset, size, value, at.bank);
}

void Hardware::connect_interrupt(firmware::NodeIndex device, std::string name, std::function<void()> handler) {
    handlers_.push_back({device, std::move(name), std::move(handler)});
}

void Hardware::raise(firmware::NodeIndex index, const firmware::Node& node, const iommu::WireSpec& wire) {
    if (over) return;
    // Wires without a name are connected by their place, or by what firmware calls that.
    const bool named = !wire.name.empty();
    const std::string name = named ? std::string(wire.name) : std::to_string(wire.index);
    const std::string by_place =
        !named && wire.index < node.interrupts.size() ? node.interrupts[wire.index].name : name;
    for (std::size_t i = 0; i < handlers_.size(); ++i) {  // a handler may connect another
        const Handler& one = handlers_[i];
        if (one.device == index && (one.name == name || one.name == by_place || one.name == "combined")) one.handle();
    }
}

Landing Hardware::access(firmware::NodeIndex iommu, StreamId sid, Iova address, bool write) {
    const Unit* const unit = unit_of(iommu);
    XLATE_CHECK(unit != nullptr, "a master behind an IOMMU that is not there");
    if (on_use) on_use(true);
    iommu::Request request;
    request.sid = sid;
    request.address = address.value;
    request.write = write;
    request.id = ++requests_;
    const iommu::Step& step = unit->owner->translate(request);
    Landing landing;
    landing.in_memory = step.kind == iommu::StepKind::done;
    landing.address = step.result.pa;
    const iommu::InstanceSpec& sheet = unit->instance->spec();
    if (!landing.in_memory && step.result.fault != 0 && sheet.fault_name != nullptr)
        landing.fault_name = sheet.fault_name(step.result.fault);
    return landing;
}

bool Hardware::access(const std::string& device, Iova address, std::uint64_t size, bool write) {
    constexpr std::uint64_t kPage = 4096;
    bool all = true;
    for (const Master& master : masters_) {
        if (master.device != device) continue;
        for (std::uint64_t at = address.value; at < address.value + size; at = (at / kPage + 1) * kPage) {
            if (!access(master.iommu, master.sid, Iova{at}, write).in_memory) all = false;
        }
    }
    return all;
}

}  // namespace xlate::explore
