#include "iommu/virtio/virtio_iommu.hpp"

#include <fmt/format.h>

#include "iommu/virtio/slot.hpp"

namespace xlate::iommu::virtio {

namespace {

constexpr WireSpec kWires[] = {{{}, 0}};
constexpr MachineSpec kMachines[] = {{"requests", MachineRole::commands}, {"events", MachineRole::outputs}};
constexpr StructureSpec kStructures[] = {{"tlb", Structure::tlb, 1, 0}, {"mappings", Structure::walk_cache, 1, 3}};
constexpr CounterSpec kCounters[] = {
    {"translations", "", "accesses that missed the ports' TLBs while an endpoint is attached"},
    {"tlb_misses", "", "look-ups of the backend's TLB without a hit"},
    {"faults", "", "accesses refused"},
    {"requests", "", "requests executed"},
    {"refused_requests", "", "of those: with another status than OK"},
    {"events", "", "records given to the driver"},
    {"dropped_events", "", "records for which the driver had left no buffer"},
};
// What a request costs the backend is charged when it is executed (command_prefetched), not with each access.
constexpr PurposeSpec kPurposes[] = {{"ring", AccessRole::record},
                                     {"descriptor", AccessRole::record},
                                     {"request", AccessRole::record},
                                     {"answer", AccessRole::record},
                                     {"record", AccessRole::record}};

std::string fault_name(std::uint16_t code) { return name(static_cast<Fault>(code)); }

std::string command_name(std::uint16_t code) {
    switch (static_cast<RequestType>(code)) {
        case RequestType::attach:
            return "ATTACH";
        case RequestType::detach:
            return "DETACH";
        case RequestType::map:
            return "MAP";
        case RequestType::unmap:
            return "UNMAP";
        case RequestType::probe:
            return "PROBE";
    }
    return fmt::format("REQUEST_{:#x}", code);
}

std::string describe(const Invalidation& invalidation) {
    if (!invalidation.by_address) return "ATTACH or DETACH";
    return fmt::format("UNMAP domain {} {:#x} to {:#x}", invalidation.space, invalidation.first, invalidation.last);
}

template <typename Row, std::size_t N>
constexpr Span<Row> rows(const Row (&table)[N]) {
    return {table, N};
}

}  // namespace

std::string name(Fault fault) {
    constexpr const char* kNames[] = {"NONE", "UNKNOWN", "DOMAIN", "MAPPING", "PERMISSION"};
    return kNames[static_cast<std::size_t>(fault)];
}

const InstanceSpec kSpec{"virtio-iommu",
                         "virtio-iommu",
                         12,
                         Ports::one_per_master,
                         rows(kWires),
                         rows(kMachines),
                         rows(kStructures),
                         rows(kCounters),
                         rows(kPurposes),
                         fault_name,
                         command_name,
                         describe};

VirtioIommu::VirtioIommu(const Parameters& parameters)
    : parameters_(parameters),
      domains_(parameters.offer),
      tlb_({parameters.tlb, TlbTagging::address_space, 0}, parameters.seed, "virtio.tlb") {
    reset();
}

void VirtioIommu::reset() {
    domains_.set_bypass(parameters_.offer.bypass);
    reset_device();
}

void VirtioIommu::reset_device() {
    domains_.reset();
    status_ = device_features_sel_ = driver_features_sel_ = queue_sel_ = interrupt_status_ = 0;
    driver_features_ = 0;
    for (Queue& queue : queues_) queue.reset();
    vectors_.fill(pci::kNoVector);
    notified_ = looking_ = pulse_ = giving_event_ = false;
    request_ = RequestState::take;
    records_.clear();
    tlb_.clear();
    translates_ = false;
    forget({Forgotten::What::domain, 0, 0, 0, 0});
}

std::uint64_t VirtioIommu::features() const {
    std::uint64_t all = 0;
    for (const unsigned bit : {feature::INPUT_RANGE, feature::DOMAIN_RANGE, feature::MAP_UNMAP, feature::PROBE,
                               feature::MMIO, feature::BYPASS_CONFIG, feature::VERSION_1})
        all |= std::uint64_t{1} << bit;
    return all;
}

std::array<std::uint8_t, config::kBytes> VirtioIommu::config_space() const {
    std::array<std::uint8_t, config::kBytes> bytes{};
    const Offer& offer = domains_.offer();
    store_le(&bytes[config::page_size_mask], 8, offer.page_size_mask);
    store_le(&bytes[config::input_start], 8, offer.input_first);
    store_le(&bytes[config::input_end], 8, offer.input_last);
    store_le(&bytes[config::domain_start], 4, offer.domain_first);
    store_le(&bytes[config::domain_end], 4, offer.domain_last);
    store_le(&bytes[config::probe_size], 4, offer.probe_bytes);
    bytes[config::bypass] = domains_.bypass() ? 1 : 0;
    return bytes;
}

bool VirtioIommu::live() const { return (status_ & status::DRIVER_OK) != 0 && (status_ & status::NEEDS_RESET) == 0; }

void VirtioIommu::write_status(std::uint32_t status) {
    if (status == 0) return reset_device();
    const std::uint64_t needed = (std::uint64_t{1} << feature::VERSION_1) | (std::uint64_t{1} << feature::MAP_UNMAP);
    const bool fine = (driver_features_ & ~features()) == 0 && (driver_features_ & needed) == needed;
    if (!fine) status &= ~status::FEATURES_OK;
    status_ = status | (status_ & status::NEEDS_RESET);
}

void VirtioIommu::interrupt(std::uint32_t cause, unsigned queue) {
    if (parameters_.transport == Transport::pci) {
        pulse_ = pulse_ || vectors_[queue] != pci::kNoVector;
        return;
    }
    interrupt_status_ |= cause;
    pulse_ = true;
}

void VirtioIommu::broken() {
    status_ |= status::NEEDS_RESET;
    notified_ = looking_ = false;
    interrupt(interrupt::kConfigChange);
}

std::optional<unsigned> VirtioIommu::take_wire() {
    if (!pulse_) return std::nullopt;
    pulse_ = false;
    return 0;
}

/// What caches keep of it goes. An endpoint that has moved: all that its ports keep.
void VirtioIommu::forget(const Forgotten& forgotten) {
    if (forgotten.what == Forgotten::What::nothing) return;
    ++epoch_;
    Invalidation invalidation;
    invalidation.target = Invalidation::Target::translations;
    if (forgotten.what == Forgotten::What::range) {
        invalidation.by_address = true;
        invalidation.first = forgotten.first;
        invalidation.last = forgotten.last;
        invalidation.space = forgotten.domain;
        invalidation.space_mask = ~std::uint64_t{0};
        invalidation.global_mask = ~std::uint64_t{0};
        tlb_.invalidate(invalidation);
        return tell(invalidation);
    }
    // A domain's number may begin a new life when its last endpoint has left.
    tlb_.clear();
    if (forgotten.what == Forgotten::What::endpoint) {
        invalidation.stream = forgotten.endpoint;
        invalidation.stream_mask = low_mask(32);
    }
    tell(invalidation);
}

bool VirtioIommu::machine_pending(unsigned index) const {
    if (index == kRequestQueue) {
        return live() && queues_[kRequestQueue].place.ready &&
               (notified_ || looking_ || request_ != RequestState::take);
    }
    return index == kEventQueue && (!records_.empty() || giving_event_);
}

const Step& VirtioIommu::step_machine(unsigned index, const Reply& reply) {
    steps_[index] = {};
    if (!machine_pending(index)) return steps_[index];
    return index == kRequestQueue ? step_requests(reply) : step_events(reply);
}

const Step& VirtioIommu::step_requests(const Reply& reply) {
    Queue& queue = queues_[kRequestQueue];
    Step& step = steps_[kRequestQueue];
    switch (request_) {
        case RequestState::take:
            // A notification that comes while the ring is looked at is another one.
            if (!looking_) notified_ = false;
            looking_ = true;
            switch (queue.take(reply, step)) {
                case Queue::Progress::access:
                    return step;
                case Queue::Progress::empty:
                    looking_ = false;
                    // What it says may have been posted behind the index that was read.
                    if (notified_) return step_requests({});
                    return step;
                case Queue::Progress::chain:
                    looking_ = false;
                    break;
                default:
                    broken();
                    return step;
            }
            answer_ = domains_.execute(queue.readable(), queue.writable_bytes());
            if (answer_.broken) {
                broken();
                return step;
            }
            ++counters_.requests;
            if (answer_.status != RequestStatus::ok) ++counters_.refused;
            translates_ = domains_.any_attached();
            request_ = RequestState::decoded;
            step.kind = StepKind::executed;
            step.opcode = queue.readable()[0];
            return step;
        case RequestState::decoded:
            forget(answer_.forgotten);
            request_ = RequestState::drained;
            // Older accesses are done with what is gone before the driver hears of it.
            if (answer_.forgotten.what != Forgotten::What::nothing) {
                step.kind = StepKind::sync;
                return step;
            }
            [[fallthrough]];
        case RequestState::drained:
            queue.begin_give(std::move(answer_.written));
            request_ = RequestState::give;
            [[fallthrough]];
        case RequestState::give:
            switch (queue.give(reply, step)) {
                case Queue::Progress::access:
                    return step;
                case Queue::Progress::given:
                    request_ = RequestState::take;
                    if (!queue.quiet()) interrupt(interrupt::kUsedBuffer, kRequestQueue);
                    // There may be more: of two requests that were rung for together, or of a driver that has rung
                    // while this one was under way. It rings no more.
                    return step_requests({});
                default:
                    request_ = RequestState::take;
                    broken();
                    return step;
            }
    }
    return step;
}

void VirtioIommu::record(std::vector<std::uint8_t> event) { records_.push_back(std::move(event)); }

const Step& VirtioIommu::step_events(const Reply& reply) {
    Queue& queue = queues_[kEventQueue];
    Step& step = steps_[kEventQueue];
    if (!live() || !queue.place.ready) {
        counters_.dropped += records_.size();
        records_.clear();
        giving_event_ = false;
        return step;
    }
    if (!giving_event_) {
        switch (queue.take(reply, step)) {
            case Queue::Progress::access:
                return step;
            case Queue::Progress::empty:
                ++counters_.dropped;
                records_.pop_front();
                return step;
            case Queue::Progress::chain:
                break;
            default:
                records_.clear();
                broken();
                return step;
        }
        if (queue.writable_bytes() < event::kBytes) {
            records_.clear();
            broken();
            return step;
        }
        queue.begin_give(std::move(records_.front()));
        records_.pop_front();
        giving_event_ = true;
    }
    switch (queue.give(reply, step)) {
        case Queue::Progress::access:
            return step;
        case Queue::Progress::given:
            giving_event_ = false;
            ++counters_.events;
            if (!queue.quiet()) interrupt(interrupt::kUsedBuffer, kEventQueue);
            return step;
        default:
            giving_event_ = false;
            broken();
            return step;
    }
}

std::unique_ptr<TranslationSlot> VirtioIommu::make_translation() { return std::make_unique<Slot>(*this); }

std::vector<std::uint64_t> VirtioIommu::counter_values() const {
    return {counters_.translations, counters_.tlb_misses, counters_.faults, counters_.requests,
            counters_.refused,      counters_.events,     counters_.dropped};
}

CacheCounters VirtioIommu::structure_counters(std::size_t row) const {
    if (row == 0) return tlb_.counters();
    CacheCounters counters;
    counters.lookups = mapping_lookups_;
    counters.hits = mapping_hits_;
    return counters;
}

}  // namespace xlate::iommu::virtio
