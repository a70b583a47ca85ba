// What a SoC counted. Integers and histograms; ratios and means are computed where results are written.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "soc/measure/histogram.hpp"
#include "soc/measure/ledger.hpp"

namespace xlate::soc {

/// Misses are lookups minus hits.
struct LookupStats {
    std::uint64_t lookups = 0;
    std::uint64_t hits = 0;

    void add(const LookupStats& other) {
        lookups += other.lookups;
        hits += other.hits;
    }
};

/// Of an endpoint's ATC. Each access was translated, refused, denied or is still under way.
struct AtcStats {
    bool enabled = false;
    LookupStats cache;
    std::uint64_t requests = 0;       ///< translation requests sent
    std::uint64_t translated = 0;     ///< accesses that went up with a translated address
    std::uint64_t refused = 0;        ///< went up untranslated, since the IOMMU does not do ATS for them
    std::uint64_t denied = 0;         ///< ended here, for want of a right
    std::uint64_t invalidations = 0;  ///< of the IOMMU
    std::uint64_t page_requests = 0;  ///< sent
    std::uint64_t pages_granted = 0;  ///< answered with success
    std::uint64_t pages_refused = 0;  ///< answered otherwise
};

/// Conservation: issued == reads + writes + messages + faults + in_flight; parts_fs add up to latency.sum_fs().
/// An interrupt's message is no transfer: of those that arrive `messages` counts, those refused are in `faults`, and
/// neither is in bytes, latency, parts or last_completion. What each transaction writes stands first.
struct MasterStats {
    std::uint64_t issued = 0;
    std::uint64_t reads = 0;   ///< completed well
    std::uint64_t writes = 0;  ///< completed well
    std::uint64_t bytes = 0;   ///< of those
    std::uint64_t faults = 0;  ///< answered with an error
    std::uint64_t in_flight = 0;
    SimTime last_completion;
    Histogram latency;  ///< issue to completion, faults included
    std::array<std::uint64_t, kParts> parts_fs{};
    SimTime first_issue;            ///< 0 if nothing was issued
    std::uint64_t messages = 0;     ///< of its interrupts, that arrived
    std::uint64_t messages_fs = 0;  ///< how long all of them were under way, in sum: each is one of its outstanding
    bool started = false;           ///< a driver set it going
    std::string device;
    std::optional<AtcStats> atc;
    // What it goes through, as ResourceUse names it; empty: nothing of that kind.
    std::string link;                     ///< a PCIe host bridge
    std::vector<std::string> port_links;  ///< of PCIe ports below that, if they have links of their own; lowest first
    std::string iommu;                    ///< and its port for this master
    std::string port;
};

/// Of one IOMMU; absent hardware counts nothing. What is special to its family stands under `structures` and
/// `counters`, named by its sheet.
struct IommuStats {
    std::string name;  ///< Linux's: "9050000.smmuv3"
    std::string path;
    std::string arch;                ///< InstanceSpec::arch
    std::uint64_t translations = 0;  ///< client transactions that asked: translated, bypassed or refused
    std::uint64_t bypassed = 0;      ///< of those: passed with the address as it was, by no table
    std::uint64_t faults = 0;
    std::uint64_t ats_requests = 0;    ///< of the translations: translation requests of endpoints
    std::uint64_t ats_translated = 0;  ///< of the translations: came with a translated address
    std::uint64_t atc_invalidations = 0;
    std::uint64_t atc_timeouts = 0;            ///< of those: never completed
    std::uint64_t page_requests = 0;           ///< of endpoints
    std::uint64_t page_requests_answered = 0;  ///< of those: answered or dropped by itself, such as in an overflow
    LookupStats micro_tlb;                     ///< all ports together
    LookupStats main_tlb;
    LookupStats tcu_tlb;
    LookupStats config_cache;
    LookupStats walk_cache;
    std::uint64_t prefetches = 0;    ///< pages that ports fetched ahead, or tried to
    std::uint64_t merged = 0;        ///< misses that waited for another miss on the same page
    std::uint64_t merged_walks = 0;  ///< in the core: misses that waited for a walk of another one
    std::uint64_t walks = 0;
    std::uint64_t walk_reads = 0;
    std::uint64_t commands = 0;  ///< taken from command queues
    std::uint64_t syncs = 0;     ///< drains
    std::uint64_t register_reads = 0;
    std::uint64_t register_writes = 0;
    Histogram translation;  ///< from the request's last port beat until it leaves the IOMMU
    Histogram walk;         ///< one table walk, waiting included
    Histogram sync;         ///< a drain (CMD_SYNC), from its decoding to its completion
    std::vector<std::pair<std::string, LookupStats>> structures;  ///< of the engine, in the order of the sheet
    std::vector<std::pair<std::string, std::uint64_t>> counters;

    /// Of the engine; 0 if its family has none of that name.
    std::uint64_t counter(std::string_view counter_name) const {
        for (const auto& [one, value] : counters) {
            if (one == counter_name) return value;
        }
        return 0;
    }
    bool has_counter(std::string_view counter_name) const {
        for (const auto& [one, value] : counters) {
            if (one == counter_name) return true;
        }
        return false;
    }
};

struct FaultRecord {
    SimTime time;
    std::string iommu;  ///< name of the IOMMU; "" if the bus refused the address
    std::uint32_t id = 0;
    std::uint64_t iova = 0;
    std::string reason;  ///< the architecture's name: "F_TRANSLATION"; "DECODE_ERROR", "ABORT" without a record
    std::string device;  ///< the master
};
inline constexpr std::size_t kMaxFaultRecords = 10'000;  ///< later ones are only counted

/// Of a bandwidth regulator.
struct RegulatorStats {
    std::string place;
    std::uint64_t bytes = 0;    ///< let through
    std::uint64_t held = 0;     ///< accesses that waited for a window
    std::uint64_t held_fs = 0;  ///< how long, in sum, the door behind included
};

/// Of a link of a ring or mesh.
struct LinkStats {
    std::string name;  ///< "1,0 -> 2,0 requests"
    std::uint64_t packets = 0;
    std::uint64_t busy_fs = 0;    ///< time in which flits of packets passed
    std::uint64_t no_credit = 0;  ///< times that a packet could have gone, and the next router had no room
};

/// Of the cache before memory, all slices together.
struct SystemCacheStats {
    LookupStats traffic;             ///< by lines
    LookupStats walks;               ///< what IOMMUs access themselves: tables, queues
    std::uint64_t fetches = 0;       ///< lines read from memory
    std::uint64_t written_back = 0;  ///< dirty lines
    std::uint64_t bypassed = 0;      ///< accesses that missed and went on to memory as they were

    void add(const SystemCacheStats& other) {
        traffic.add(other.traffic);
        walks.add(other.walks);
        fetches += other.fetches;
        written_back += other.written_back;
        bypassed += other.bypassed;
    }
};

/// What a foreign part counted.
struct ForeignStats {
    std::string place;    ///< "memory", "interconnect", or the device
    std::string factory;  ///< the name under which it was registered
    std::vector<std::pair<std::string, std::uint64_t>> counters;
};

/// What the protocol checkers between our modules saw (SocConfig::check_protocol).
struct ProtocolStats {
    static constexpr std::size_t kFirst = 16;
    std::size_t joints = 0;        ///< sockets that are looked at
    std::uint64_t accesses = 0;    ///< over all of them
    std::uint64_t open = 0;        ///< that never ended
    std::uint64_t violations = 0;  ///< rules of the base protocol that were broken
    std::vector<std::string> first;
};

struct SocStats {
    SimTime end;                       ///< when the last thing happened
    std::uint64_t events = 0;          ///< agenda entries
    std::uint64_t digest = 0;          ///< of the event stream: (time, component, kind, what)
    std::vector<IommuStats> iommus;    ///< in firmware order
    std::vector<MasterStats> masters;  ///< in the order of SocConfig::masters
    std::vector<FaultRecord> faults;   ///< in order of time; the first kMaxFaultRecords
    std::uint64_t faults_total = 0;
    std::optional<SystemCacheStats> system_cache;
    std::vector<RegulatorStats> regulators;  ///< by place
    std::vector<LinkStats> links;            ///< those that anything went over
    std::vector<ForeignStats> foreign;
    std::optional<ProtocolStats> protocol;
    std::uint64_t transactions_lost = 0;  ///< given out and not back: those in flight at a limit, else 0
};

}  // namespace xlate::soc
