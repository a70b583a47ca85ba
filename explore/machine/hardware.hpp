// What stands behind the registers of the untimed machine: IOMMUs over the memory of the run. A register access reaches
// the instance, and then everything that the hardware does by itself has happened; a DMA access is translated at once.
// All of it lies in the run's region (kernel-model/core/region.hpp): a copy of the region is a copy of the hardware,
// caches included.
//   functional   registers, queues, translations with their caches, faults, interrupts
//   stored       a stalled access: it counts as refused
//   absent       time; ATS and PRI; endpoints' caches
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "firmware/description.hpp"
#include "iommu/instance.hpp"
#include "iommu/memory_port.hpp"
#include "iommu/untimed.hpp"

namespace xlate::explore {

/// Memory of one run: sparse, in small pieces, as page tables and queues of a run use a few words of each page. What
/// was never written reads as zero, and zeros written there are not kept.
class RunMemory : public iommu::MemoryPort {
public:
    bool read(PhysAddr address, std::uint8_t* bytes, std::uint32_t size) override {
        load(address.value, bytes, size);
        return true;
    }
    bool write(PhysAddr address, const std::uint8_t* bytes, std::uint32_t size) override {
        store(address.value, bytes, size);
        return true;
    }
    void load(std::uint64_t address, std::uint8_t* bytes, std::size_t size) const;
    void store(std::uint64_t address, const std::uint8_t* bytes, std::size_t size);

private:
    static constexpr unsigned kPieceLog2 = 8;
    static constexpr std::size_t kPiece = std::size_t{1} << kPieceLog2;
    std::map<std::uint64_t, std::array<std::uint8_t, kPiece>> pieces_;
};

/// Where a DMA access ends.
struct Landing {
    bool in_memory = false;  ///< at `address`; else the IOMMU refuses it, or lets it wait
    PhysAddr address{};
    std::string fault_name;  ///< refused: "F_TRANSLATION"; empty: without a record
    std::string text() const;
};

class Hardware {
public:
    RunMemory memory;

    bool empty() const { return units_.empty(); }
    /// An IOMMU: its registers, a bank a `reg` range, and its interrupts are those of `node`, which outlives it.
    void add(firmware::NodeIndex index, const firmware::Node& node, std::unique_ptr<iommu::Instance> instance);
    /// The master of this name sends with this id to the unit of this node; one call an id.
    void add_master(const std::string& device, firmware::NodeIndex iommu, StreamId sid);

    /// No unit there: reads as zero, writes are lost.
    std::uint64_t read_register(PhysAddr address, unsigned size);
    void write_register(PhysAddr address, unsigned size, std::uint64_t value);
    void connect_interrupt(firmware::NodeIndex device, std::string name, std::function<void()> handler);

    bool has(firmware::NodeIndex iommu) const { return unit_of(iommu) != nullptr; }
    /// One access of up to 64 bytes.
    Landing access(firmware::NodeIndex iommu, StreamId sid, Iova address, bool write);
    /// With each id of the master: true if all of it reaches memory. A master that is not known passes.
    bool access(const std::string& device, Iova address, std::uint64_t size, bool write);

    /// Interrupts are lost from here on: the run is over, and what is asked of the hardware now is a question of ours.
    bool over = false;
    /// Told of each use: `dma` depends on what was written to memory and registers before; these do not depend on
    /// each other (who writes them holds a lock, or a scenario makes register accesses scheduling points).
    std::function<void(bool dma)> on_use;

private:
    struct Unit {
        firmware::NodeIndex index{};
        const firmware::Node* node = nullptr;
        std::unique_ptr<iommu::Instance> instance;
        std::unique_ptr<iommu::Untimed> owner;
    };
    struct Register {
        iommu::Untimed* owner = nullptr;  ///< null: nothing is there
        std::uint64_t offset = 0;
        unsigned bank = 0;
    };
    struct Master {
        std::string device;
        firmware::NodeIndex iommu{};
        StreamId sid{};
    };
    struct Handler {
        firmware::NodeIndex device{};
        std::string name;
        std::function<void()> handle;
    };
    Register register_at(PhysAddr address) const;
    const Unit* unit_of(firmware::NodeIndex node) const;
    void raise(firmware::NodeIndex index, const firmware::Node& node, const iommu::WireSpec& wire);

    std::vector<Unit> units_;
    std::vector<Master> masters_;
    std::vector<Handler> handlers_;
    std::uint64_t requests_ = 0;
};

}  // namespace xlate::explore
