// The vocabulary of every translation engine: what a master asks, what the engine wants from its owner at
// each step, and what comes out. An engine has no clock, socket, thread or heap use while it runs: its owner
// serves each step (by timed transactions, or at once from a plain memory) and steps again.
// Source: design.md section 2; docs/spec/iommu-hardware.md section 12.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bits.hpp"
#include "base/ids.hpp"

namespace xlate::iommu {

/// PCIe AT: a plain access, an ATS translation request, or an access with an already translated address.
enum class AtsType : std::uint8_t { untranslated, translation_request, translated };

/// Memory type as a MAIR attribute byte (0x00 device nGnRnE, 0x44 normal non-cacheable, 0xFF write-back), and
/// shareability as descriptors code it (0 none, 2 outer, 3 inner).
struct MemoryAttributes {
    std::uint8_t mair = 0xFF;
    std::uint8_t shareability = 3;
    friend constexpr bool operator==(MemoryAttributes a, MemoryAttributes b) {
        return a.mair == b.mair && a.shareability == b.shareability;
    }
};

/// One access of a master. It must not cross the smallest page: owners split first.
struct Request {
    StreamId sid{};
    std::optional<SubstreamId> ssid;
    std::uint64_t address = 0;
    std::uint32_t length = 64;  ///< bytes
    bool write = false;
    bool instruction = false;  ///< reads only
    bool privileged = false;
    bool no_write = false;     ///< an ATS request that asks for reading only
    bool prefetch = false;     ///< speculative: no record, no stall, no dirty state
    bool unsupported = false;  ///< of a kind that the IOMMU cannot do
    bool debug = false;        ///< changes nothing: no cache fill, no access flag, no record
    AtsType ats = AtsType::untranslated;
    MemoryAttributes incoming;
    std::uint64_t id = 0;  ///< the owner's own, given back when a stalled access may go on
};

/// Rights of a translation as the client's own attributes see them (bits of `Permissions::bits`).
struct Permissions {
    static constexpr std::uint8_t kUserRead = 1, kUserWrite = 2, kUserExecute = 4, kPrivilegedRead = 8,
                                  kPrivilegedWrite = 16, kPrivilegedExecute = 32, kAll = 63;
    std::uint8_t bits = 0;

    static constexpr std::uint8_t needed(bool write, bool instruction, bool privileged) {
        const std::uint8_t user = write ? kUserWrite : instruction ? kUserExecute : kUserRead;
        return static_cast<std::uint8_t>(privileged ? user << 3 : user);
    }
    static constexpr std::uint8_t needed(const Request& request) {
        return needed(request.write, request.instruction, request.privileged);
    }
    constexpr bool allows(const Request& request) const { return (bits & needed(request)) != 0; }
};

/// A finished translation, as TLBs keep it.
struct CachedTranslation {
    std::uint64_t va = 0;      ///< base, aligned to the size
    std::uint64_t pa = 0;      ///< base, aligned to the size
    std::uint64_t space = 0;   ///< address-space tag of the architecture (regime, VMID, ASID)
    std::uint64_t stream = 0;  ///< stream tag: stream_tag()
    std::uint8_t log2_bytes = 12;
    std::uint8_t granule = 12;         ///< log2 bytes of the page size of its table
    std::uint8_t level = 3;            ///< of the leaf
    std::uint8_t leaf_log2_bytes = 0;  ///< of its first stage's leaf, if larger: a fragment goes with all of it
    bool global = false;               ///< any ASID
    bool ignore_top_byte = false;
    bool bypass = false;  ///< the address as it was: no table says so
    Permissions permissions;
    MemoryAttributes attributes;

    constexpr std::uint64_t address_mask() const {
        const std::uint64_t above = ~low_mask(log2_bytes);
        return ignore_top_byte ? above & low_mask(56) : above;
    }
};

/// Names the master and its substream, for caches that sit before the configuration is known.
constexpr std::uint64_t stream_tag(StreamId sid, std::optional<SubstreamId> ssid) {
    return std::uint64_t{value(sid)} |
           (ssid ? (std::uint64_t{1} << 52) | (std::uint64_t{value(*ssid)} << 32) : std::uint64_t{0});
}
constexpr StreamId stream_of(std::uint64_t tag) { return StreamId{static_cast<std::uint32_t>(tag)}; }

/// What software asks to fetch ahead of its use. Without `address` the configuration alone.
struct Prefetch {
    StreamId sid{};
    std::optional<SubstreamId> ssid;
    std::optional<std::uint64_t> address;
};

/// What the client gets if the access does not go on.
enum class Response : std::uint8_t { ok, abort, read_zero_write_ignored };

struct Result {
    PhysAddr pa;                  ///< done: of Request::address
    CachedTranslation entry;      ///< done: what a TLB may keep
    MemoryAttributes attributes;  ///< done: of this access
    bool cacheable = false;       ///< done: a TLB may keep it, if the engine's epoch is still `epoch`
    std::uint32_t epoch = 0;      ///< counts invalidations
    Response response = Response::ok;
    std::uint16_t fault = 0;       ///< fault, stalled: the architecture's code (SMMUv3: event code; 0: none)
    bool recorded = false;         ///< fault, stalled: a record was given to the event queue
    bool stage2 = false;           ///< fault: of stage 2
    std::uint8_t fault_class = 0;  ///< fault: what was being translated, as the architecture codes it
    std::uint64_t ipa = 0;         ///< fault of stage 2: input of that stage
    std::uint16_t stall_tag = 0;   ///< stalled
};

/// Why memory is accessed: an index into the family's list (InstanceSpec::purposes), for accounting.
enum class AccessPurpose : std::uint8_t {};

enum class AccessKind : std::uint8_t { read, write, compare_and_swap };

/// One memory access of the engine. `data`: what to write. compare_and_swap is of 8 bytes: `data` is stored if
/// memory holds `expected`; the reply's data is what memory held.
struct MemoryAccess {
    PhysAddr address;
    std::uint32_t size = 0;  ///< 4, 8, 16, 32 or 64 bytes
    AccessKind kind = AccessKind::read;
    AccessPurpose purpose{};
    std::uint64_t input = 0;  ///< descriptor reads: the address that is translated (stage 1: VA; stage 2: IPA)
    std::uint64_t expected = 0;
    std::array<std::uint8_t, 64> data{};
};

/// The answer to an access. To every other step it is passed but not looked at (except where said).
struct Reply {
    bool abort = false;
    std::array<std::uint8_t, 64> data{};
};

/// A cache structure inside the engine.
enum class Structure : std::uint8_t { config_cache, tlb, walk_cache, ipa_cache };
struct Lookup {
    Structure structure = Structure::config_cache;
    std::uint8_t stage = 1;  ///< walk_cache
    std::uint8_t level = 0;  ///< walk_cache
};

enum class StepKind : std::uint8_t {
    idle,      ///< nothing to do now
    access,    ///< do `access`, pass its reply to the next step
    lookup,    ///< a look-up of `lookup` is about to be done: charge it, step again
    done,      ///< `result`: go to memory
    fault,     ///< `result`: answer the client with its response
    stalled,   ///< `result`: the access waits; stepping again says `stalled` until software answers
    executed,  ///< commands: `opcode` took effect in the engine; charge it, step again
    sync,      ///< commands: step again when all earlier invalidations are complete, all older translations
               ///< have reached memory and outputs are written; reply.abort: an ATC invalidation timed out
};

struct Step {
    StepKind kind = StepKind::idle;
    Lookup lookup;
    std::uint8_t opcode = 0;
    MemoryAccess access;
    Result result;
};

}  // namespace xlate::iommu
