// One IOMMU of any family, as its owner sees it: a data sheet that says what there is, and a live instance.
//   registers     read_register, write_register, by register bank (one `reg` range of firmware each) and offset.
//                 A written register may not have taken effect yet: settling(); the owner lets it: settle().
//   translations  make_translation(): as many as the owner wants; each is stepped by its owner
//   machines      what the hardware does by itself: taking commands, writing records, address operations.
//                 step_machine(i) while machine_pending(i). A register-driven invalidation that has a busy bit is a
//                 machine of the role `commands` whose only step is `sync`; one that takes effect at the register write
//                 tells the sinks from within write_register.
//   wires         take_wire(): pulses. A level-sensitive line is a pulse when it rises, and one more when software has
//                 cleared or unmasked a part of its causes and others remain.
//   caches        TLBs at ports are the owner's: sinks are told what to drop, epoch() counts invalidations
// No clock, socket, thread; no heap use while it is stepped. Virtual calls only where a translation misses a port's
// TLB and for machines: epoch(), translates() are plain reads.
// Source: docs/spec/iommu-hardware.md section 12.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/span.hpp"
#include "iommu/cache.hpp"
#include "iommu/engine.hpp"
#include "iommu/invalidation.hpp"
#include "iommu/page_request.hpp"

namespace xlate::iommu {

/// An interrupt output. `name`: as firmware's `interrupt-names` has it; empty: firmware knows it by `index` alone, its
/// place in `interrupts`.
struct WireSpec {
    std::string_view name;
    unsigned index = 0;
};

/// commands: what invalidations and their drains come by, one queue each, or registers with a busy bit;
/// outputs: records and messages; operation: address operations that software asks for.
enum class MachineRole : std::uint8_t { commands, outputs, operation };
struct MachineSpec {
    std::string_view name;
    MachineRole role = MachineRole::commands;
};

/// A cache inside the engine, as Step::lookup names it.
struct StructureSpec {
    std::string_view name;  ///< key in configs and results
    Structure kind = Structure::tlb;
    std::uint8_t stage = 1;
    std::uint8_t level = 0;
};

/// A statistic that the engine counts.
struct CounterSpec {
    std::string_view name;      ///< key in results
    std::string_view unit;      ///< empty: a count
    std::string_view sentence;  ///< what it counts, for people
};

/// What a memory access is for, as an account of time knows it: configuration of a device (STE, DTE, context entry) or
/// of a process in it (CD, PASID entry); a table walk by stage and level; an update of a descriptor (access flag,
/// dirty state); a command; a record; a message.
enum class AccessRole : std::uint8_t { device_config, process_config, walk, update, command, record, message };
struct PurposeSpec {
    std::string_view name;
    AccessRole role = AccessRole::walk;
    std::uint8_t stage = 1;  ///< walk: 1 or 2
    std::uint8_t level = 0;  ///< walk: 0..3 as ledgers count them: the last level before the page is 3
};

/// How many ports take the traffic of masters: one a master (SMMU), one a unit however many masters stand before it
/// (VT-d), one in all (its masters share it: Rockchip).
enum class Ports : std::uint8_t { one_per_master, one };

/// The data sheet of a family: constexpr, one for all its instances.
struct InstanceSpec {
    std::string_view arch;   ///< "smmuv3": in configs and results
    std::string_view title;  ///< "Arm SMMUv3"
    std::uint8_t smallest_page_log2 = 12;
    Ports ports = Ports::one_per_master;
    Span<WireSpec> wires;  ///< of every instance; one with more says so in Instance::wires()
    Span<MachineSpec> machines;
    Span<StructureSpec> structures;
    Span<CounterSpec> counters;
    Span<PurposeSpec> purposes;                                 ///< by AccessPurpose
    std::string (*fault_name)(std::uint16_t code) = nullptr;    ///< of Result::fault
    std::string (*command_name)(std::uint16_t code) = nullptr;  ///< of Step::opcode; nullptr: there are no commands
    std::string (*describe)(const Invalidation&) = nullptr;     ///< "TLBI_NH_VA ASID 1 0x1000 leaf"
    /// Whether an access that passes as it was is a look-up of its port's TLBs: where tables say so, what was read of
    /// them is kept there; where registers of the IOMMU say so, nothing is looked up.
    bool bypass_is_lookup = true;

    const PurposeSpec& purpose(AccessPurpose purpose) const { return purposes[static_cast<std::size_t>(purpose)]; }
};

/// What goes to memory of a message that is translated: itself; nothing, since it is kept in a table; or a notice of
/// that, `data`, in its place, at the address of the result.
struct MessageFate {
    enum class Kind : std::uint8_t { passes, kept, notice };
    Kind kind = Kind::passes;
    std::uint32_t data = 0;
};

/// One translation on its way: a translation slot of its owner, reused. Belongs to the Instance that made it.
class TranslationSlot {
public:
    virtual ~TranslationSlot() = default;
    /// Begins `request`; steps of an earlier one are forgotten.
    virtual void start(const Request& request) = 0;
    /// Begins `request`, a write of 4 bytes that carries `data` (little-endian), and so may be a message. Families that
    /// look at no data: as start().
    virtual void start_message(const Request& request, std::uint32_t /*data*/) { start(request); }
    /// Of start_message(), when it is done.
    virtual MessageFate message_fate() const { return {}; }
    /// Begins what software asked to fetch: speculative, no transaction behind it. Families without: never called.
    virtual void start_prefetch(const Prefetch& /*prefetch*/) {}
    /// The next step; `reply` answers the access of the previous one. The reference stays good until the next call.
    /// After done or fault the same step comes again. A stalled one steps `stalled` until software has answered.
    virtual const Step& step(const Reply& reply) = 0;
    /// From the beginning, as the same access: it is not counted once more.
    virtual void again() = 0;
    /// The address space whose tables the client's own address is walked in, while it is.
    virtual std::optional<std::uint64_t> walked_space() const = 0;
    /// Instance::epoch() when it began.
    virtual std::uint32_t epoch() const = 0;
};

/// Optional face: endpoints with translation caches of their own (ATS).
class Endpoints {
public:
    virtual ~Endpoints() = default;
    /// Traffic with translated addresses is checked against its stream's configuration.
    virtual bool checks_translated() const = 0;
};

class Instance {
public:
    virtual ~Instance() = default;
    virtual const InstanceSpec& spec() const = 0;

    /// Power-on: registers to reset, caches empty, queues off, stalled accesses to be answered with abort.
    virtual void reset() = 0;

    virtual unsigned register_banks() const { return 1; }
    /// Of one bank's register space.
    virtual std::uint64_t register_bytes(unsigned bank = 0) const = 0;
    /// `size` 4 or 8. Accesses outside of a register read 0 and write nothing. A read has no side effects.
    virtual std::uint64_t read_register(std::uint64_t offset, unsigned size, unsigned bank = 0) const = 0;
    virtual void write_register(std::uint64_t offset, unsigned size, std::uint64_t value, unsigned bank = 0) = 0;
    /// A written register has not taken effect yet.
    virtual bool settling() const { return false; }
    /// Lets it take effect. What must wait (for a command, a message in flight) stays pending.
    virtual void settle() {}

    /// False: everything passes or is refused by one global decision, which takes a translation a single step.
    bool translates() const { return translates_; }
    /// Counts invalidations that may concern TLBs: a Result may be kept only if its epoch is still this one.
    std::uint32_t epoch() const { return epoch_; }

    /// Four bytes of the capability in its PCI configuration space, of one that is a function of PCI.
    virtual std::uint32_t pci_capability(unsigned /*offset*/) const { return 0; }

    virtual std::unique_ptr<TranslationSlot> make_translation() = 0;

    virtual unsigned machines() const { return 0; }
    /// What machine `index` is: a row of InstanceSpec::machines.
    virtual const MachineSpec& machine(unsigned index) const { return spec().machines[index]; }
    virtual bool machine_pending(unsigned /*index*/) const { return false; }
    virtual const Step& step_machine(unsigned /*index*/, const Reply& /*reply*/) { return no_step_; }
    /// commands: the next command has been fetched already: it costs its decoding alone.
    virtual bool command_prefetched(unsigned /*index*/) const { return false; }
    /// What software has asked to fetch, oldest first: for TranslationSlot::start_prefetch.
    virtual std::optional<Prefetch> take_prefetch() { return std::nullopt; }

    virtual unsigned wires() const { return static_cast<unsigned>(spec().wires.size()); }
    virtual WireSpec wire(unsigned index) const { return spec().wires[index]; }
    /// The next pulse, by wire, if any. Equal ones that nobody has taken yet are one.
    virtual std::optional<unsigned> take_wire() { return std::nullopt; }

    /// A stalled access that software has answered: its Request::id; its TranslationSlot can be stepped on.
    virtual std::optional<std::uint64_t> take_resumed() { return std::nullopt; }

    /// `sink` is told of each invalidation, those for endpoints included; it must outlive the instance.
    void add_sink(InvalidationSink& sink) { sinks_.push_back(&sink); }
    void clear_sinks() { sinks_.clear(); }

    /// The statistics, in the order of InstanceSpec::counters.
    virtual std::vector<std::uint64_t> counter_values() const { return {}; }
    /// Look-ups, hits, fills of a structure: of a row of InstanceSpec::structures.
    virtual CacheCounters structure_counters(std::size_t /*row*/) const { return {}; }

    /// Its shared caches keep to these from now on. False: it has none that could.
    virtual bool partition(const std::shared_ptr<const CachePartitions>& /*partitions*/) { return false; }

    // Optional faces; nullptr: it does not have it. The answer does not change.
    virtual PageRequests* page_requests() { return nullptr; }
    virtual Endpoints* endpoints() { return nullptr; }

protected:
    Instance() = default;
    Instance(const Instance&) = default;
    Instance& operator=(const Instance&) = default;

    /// Tells the sinks. Engines count epoch_ before.
    void tell(const Invalidation& invalidation) {
        for (InvalidationSink* sink : sinks_) sink->invalidate(invalidation);
    }

    bool translates_ = false;
    std::uint32_t epoch_ = 0;

private:
    std::vector<InvalidationSink*> sinks_;
    Step no_step_;
};

}  // namespace xlate::iommu
