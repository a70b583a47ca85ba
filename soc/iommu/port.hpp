// A port of an IOMMU (an SMMU's TBU): where a master's traffic comes in; micro-TLB, main TLB, the link to the core.
// A hit passes misses (unless the configuration keeps order); misses on one page wait for the first of them.
// Not modelled: partitions. Source: docs/spec/iommu-anchors.md sections B1 and E.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "iommu/instance.hpp"
#include "iommu/line_walks.hpp"
#include "iommu/tlb.hpp"
#include "soc/bus/bus_port.hpp"
#include "soc/bus/ports.hpp"
#include "soc/config.hpp"
#include "soc/measure/stats.hpp"
#include "soc/time/calendar.hpp"
#include "soc/time/fast.hpp"
#include "soc/time/station.hpp"

namespace xlate::soc {

class IommuDevice;
class IommuPort;

/// What a port counts for counters that software reads.
enum class PortEvent : std::uint8_t { transaction, tlb_miss };

/// One transaction that is being translated: a translation slot of its port.
struct TranslationJob : BusClient {
    explicit TranslationJob(std::unique_ptr<iommu::TranslationSlot> slot) : engine(std::move(slot)) {}

    Transaction* transaction = nullptr;
    IommuPort* tbu = nullptr;
    std::uint64_t stream = 0;  ///< stream_tag()
    std::uint64_t page = 0;
    SimTime received;  ///< last port beat
    SimTime walk_start;
    SimTime read_start;    ///< of the access under way
    bool walking = false;  ///< holds a walk slot
    bool fetched = false;  ///< this walk has read a descriptor
    bool merged = false;
    std::uint32_t micro_misses = 0;  ///< so far: one, and in the main TLB
    std::uint32_t main_misses = 0;   ///< another each time that the one it was merged with is answered
    bool prefetch = false;           ///< fetches a page ahead; its transaction goes nowhere
    bool pending_ipa = false;        ///< the look-up that waits is one of the IPA cache
    bool sure_miss = false;          ///< plan() has just found that the TLBs don't have it
    bool ready = false;              ///< translated, waits for its turn
    const char* how = "";            ///< which look-up answered it, for a trace
    bool generation = false;         ///< see IommuDevice::in_flight
    Part part = Part::iommu_queue;
    iommu::Result result;
    iommu::MessageFate fate;  ///< of a write that may be a message
    std::unique_ptr<iommu::TranslationSlot> engine;
    const iommu::Step* step = nullptr;  ///< the engine's last one
    std::uint32_t number = 0;           ///< of the slot; Request::id
};

class IommuPort final : public Target, public PlannedWay {
public:
    /// Constructed while its device is. `out`: where translated traffic leaves.
    IommuPort(IommuDevice& device, const std::string& name, unsigned number, const PortParams& params,
              ClockPeriod clock, std::uint64_t seed, BusPort& out);

    /// The core has answered; `job.result` is there.
    void answered(TranslationJob& job);
    /// The core has stalled it: those that wait for its page ask for themselves, or a drain would wait for software.
    void stalled(TranslationJob& job);
    void invalidate(const iommu::Invalidation& invalidation);
    /// Whose translations take which ways of its TLBs.
    void partition(const std::shared_ptr<const iommu::CachePartitions>& partitions) {
        micro_tlb_.partition(partitions);
        main_tlb_.partition(partitions);
    }
    /// A translated transaction comes back from memory.
    void returned(Transaction& transaction);

    IommuDevice& device() { return device_; }
    const std::string& name() const { return name_; }
    unsigned number() const { return number_; }
    Station& link_to_tcu() { return link_to_tcu_; }
    Station& link_from_tcu() { return link_from_tcu_; }
    const PortParams& params() const { return params_; }
    void add_to(IommuStats& stats) const;
    void add_uses(std::vector<ResourceUse>& all) const;

    /// `fast`: with calendars from now on. After its bus port.
    void plan_ahead();
    /// `fast`: the one master whose transactions come in here, if it can do without being called back.
    void serve(PlannedClient& client) { client_ = &client; }
    /// A TLB hit, and nothing in question: the whole way to memory and back.
    bool plan(PlannedAccess& access) override;
    bool leads_to_memory(std::uint64_t, std::uint64_t) const override { return false; }
    void fetch(unsigned steps) const override;

    TargetPort port;

private:
    template <void (IommuPort::*Step)(TranslationJob&)>
    static void go(Job& base) {
        auto& job = static_cast<TranslationJob&>(base);
        (job.tbu->*Step)(job);
    }

    bool on_request(unsigned, Transaction& transaction) override;
    unsigned on_debug(unsigned, tlm::tlm_generic_payload& payload) override;

    std::uint32_t beats(const Transaction& transaction) const;
    bool has_room(const Transaction& transaction) const;
    bool pass_at_once(Transaction& transaction);
    void begin(Transaction& transaction, bool sure_miss);
    void arrived(TranslationJob& job);
    void globally(TranslationJob& job);
    void micro_looked_up(TranslationJob& job);
    void look_up_main(TranslationJob& job);
    void main_looked_up(TranslationJob& job);
    void hit(TranslationJob& job, const iommu::CachedTranslation& entry, iommu::Tlb& tlb);
    bool arrived_by_ats(TranslationJob& job);
    void pass_translated(TranslationJob& job);
    void answer_request(TranslationJob& job);
    void note_bypass(const iommu::CachedTranslation& entry);
    bool was_no_lookup(const iommu::CachedTranslation& entry) const;
    void take_back_misses(const TranslationJob& job);
    void prefetch_after(const TranslationJob& job);
    void prefetched(TranslationJob& job);
    void fill_main(TranslationJob& job);
    void fill_main_tlb(const TranslationJob& job);
    bool answers(const TranslationJob& asking, const TranslationJob& other) const;
    void fill_micro(TranslationJob& job);
    bool may_keep(const TranslationJob& job) const;
    /// IommuDevice::drains_translated(), and it is not the endpoint's own translation.
    bool in_flight_late(const TranslationJob& job) const;
    void hold_or_ask(TranslationJob& job);
    void release_page(TranslationJob& job);
    void translated(TranslationJob& job);
    void release_in_order();
    void depart(TranslationJob& job);
    void left(TranslationJob& job);
    void refuse(TranslationJob& job);
    void keep(TranslationJob& job);
    TranslationJob& take_job();
    void give_back(TranslationJob& job);
    void free_slot(TranslationJob& job);
    void admit();
    void left_ahead(TranslationJob& job);
    void left_late(TranslationJob& job);
    void reclaim(SimTime until);
    void admit_when_free();
    void schedule_admission();
    bool wait_for_room(PlannedAccess& access, std::uint32_t beats_needed);
    void retire(Transaction& transaction, bool generation, SimTime at);
    void charge(TranslationJob& job, Part part);
    void trace(const TranslationJob& job, const char* what) const;
    void count(StreamId stream, PortEvent event);
    void count_buffer(std::uint32_t beats_held, SimTime time) { buffer_fs_ += beats_held * time.fs; }

    /// Set in the tag of what comes with a translated address: it shares no TLB entry with other traffic.
    static constexpr std::uint64_t kTranslatedTag = std::uint64_t{1} << 53;
    static constexpr std::size_t kMaxAhead = 64;
    static constexpr std::uint32_t kFirstPrefetch = 0x10000;  ///< their numbers: above those of all slots
    struct Page {
        std::uint64_t stream = 0;
        std::uint64_t page = 0;
        bool operator==(const Page& other) const { return stream == other.stream && page == other.page; }
    };
    struct Leaving {
        std::uint32_t beats = 0;
        TranslationJob* job = nullptr;  ///< nullptr: of a hit that was planned as a whole
    };

    // From here to latency_: what each transaction reads and writes, see fetch().
    Station wire_;
    Station micro_;
    iommu::Tlb micro_tlb_;
    IommuDevice& device_;
    BusPort& out_;
    const ClockPeriod clock_;
    const ClockPeriod beat_;  ///< of the port: 0 if beats take no time
    const unsigned number_;
    unsigned pages_answered_log2_ = 0;  ///< iommu::LineWalks::log2_answered(), in pages of 4 KiB
    std::uint32_t free_slots_;
    std::uint32_t beats_free_;
    bool missed_ = false;  ///< `fast`: the last plan() met a miss: what comes next is that access
    Transaction* pending_ = nullptr;
    SimTime admission_free_;    ///< `fast`: when the last planned one was admitted
    DueList<Leaving> leaving_;  ///< `fast`: slots of what has been planned, until it is on the bus
    std::vector<Page> ahead_;   ///< fetched ahead and not hit yet, oldest first
    std::uint64_t translations_ = 0;
    std::uint64_t bypassed_ = 0;
    std::uint64_t buffer_fs_ = 0;  ///< beats of the write buffer over time
    SimTime last_out_[2];          ///< keep_order: departure of the last read and write
    const PortParams params_;
    Histogram latency_;

    Station main_;
    iommu::Tlb main_tlb_;
    Station link_to_tcu_;
    Station link_from_tcu_;
    const std::string name_;

    std::uint32_t slots_used_ = 0;             ///< so many numbers have been given out
    std::vector<std::uint32_t> free_numbers_;  ///< of those: what no job has
    std::vector<TranslationJob*> asking_;      ///< misses that the core works on, one a page
    std::vector<TranslationJob*> holding_;     ///< misses that wait for one of those, oldest first
    std::vector<TranslationJob*> order_[2];    ///< keep_order: reads and writes, oldest first

    std::vector<std::unique_ptr<TranslationJob>> prefetch_jobs_;
    std::vector<TranslationJob*> free_prefetches_;
    std::uint64_t prefetches_ = 0;

    enum class Door : std::uint8_t { slots, buffer };
    Door door_ = Door::slots;            ///< what the one that waits at the door waits for,
    SimTime door_since_;                 ///< since when,
    std::uint64_t door_fs_[2] = {0, 0};  ///< and how long those before it did

    std::uint64_t ats_requests_ = 0;
    std::uint64_t ats_translated_ = 0;
    std::uint64_t faults_ = 0;
    std::uint64_t merged_ = 0;

    AgendaEntry admission_;            ///< `fast`
    PlannedClient* client_ = nullptr;  ///< `fast`

    const iommu::LineWalks* lines_ = nullptr;  ///< of the instance, if it has that face
};

}  // namespace xlate::soc
