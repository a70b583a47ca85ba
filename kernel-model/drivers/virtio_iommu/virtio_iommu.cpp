#include "kernel-model/drivers/virtio_iommu/virtio_iommu.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "kernel-model/boot.hpp"

namespace xlate::kernel {

namespace virtio = iommu::virtio;

namespace {

constexpr std::uint64_t kBufferBytes = 128;  ///< of a slot: the request, and behind it the answer
constexpr std::uint64_t kAnswerOffset = 96;
constexpr std::uint32_t kEventSlotBytes = 32;
/// A device that takes longer is looked at less often; when Linux's watchdog finds a CPU that does nothing else.
constexpr SimTime kSlow = ms(1), kHardLockup = ms(10'000);
/// Beyond its head, the answer to a PROBE.
constexpr std::uint64_t kProbeRoom = 4096;

int error_of(std::uint8_t status) {
    switch (static_cast<virtio::RequestStatus>(status)) {
        case virtio::RequestStatus::ok:
            return 0;
        case virtio::RequestStatus::unsupp:
            return -kENOSYS;
        case virtio::RequestStatus::inval:
            return -kEINVAL;
        case virtio::RequestStatus::range:
            return -kERANGE;
        case virtio::RequestStatus::noent:
            return -kENOENT;
        case virtio::RequestStatus::fault:
            return -kEFAULT;
        case virtio::RequestStatus::nomem:
            return -kENOMEM;
        default:
            return -kEIO;
    }
}

}  // namespace

ViommuDev::ViommuDev(Kernel& the_kernel, PageAllocator& the_pages, Device& the_dev,
                     std::unique_ptr<VirtioTransport> the_transport, PhysAddr registers, const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "viommu_dev"),
      pages(the_pages),
      dev(the_dev),
      transport(std::move(the_transport)),
      regs(registers),
      mistakes(the_mistakes),
      prefix("virtio_iommu " + the_dev.name),
      requests_(the_kernel, the_pages, *transport, virtio::kRequestQueue),
      events_(the_kernel, the_pages, *transport, virtio::kEventQueue),
      request_lock_(the_kernel, "viommu->request_lock"),
      irq_(the_kernel, "irq/" + the_dev.name, 0) {}

// Linux virtio_dev_probe(), viommu_probe() and viommu_init_vqs(), in their order on the registers.
int ViommuDev::start() {
    Frame frame{kernel(), "viommu_probe"};
    if (!transport->is_iommu()) return -kENODEV;
    transport->set_status(0);
    transport->set_status(virtio::status::ACKNOWLEDGE);
    transport->set_status(virtio::status::ACKNOWLEDGE | virtio::status::DRIVER);
    std::uint64_t features = transport->features();
    const auto has = [&](unsigned bit) { return (features >> bit & 1) != 0; };
    if (!has(virtio::feature::VERSION_1) || !has(virtio::feature::MAP_UNMAP)) return -kENODEV;
    features &= low_mask(virtio::feature::BYPASS_CONFIG + 1) | std::uint64_t{1} << virtio::feature::VERSION_1;
    transport->finalize_features(features);
    constexpr std::uint32_t kFeatures =
        virtio::status::ACKNOWLEDGE | virtio::status::DRIVER | virtio::status::FEATURES_OK;
    transport->set_status(kFeatures);
    if ((transport->status() & virtio::status::FEATURES_OK) == 0) return -kENODEV;
    if (const int err = requests_.setup(true); err != 0) return err;
    if (const int err = events_.setup(false); err != 0) return err;
    page_size_mask = transport->config(virtio::config::page_size_mask, 8);
    if (page_size_mask == 0) return -kEINVAL;
    input_last = ~std::uint64_t{0};
    domain_last = ~std::uint32_t{0};
    if (has(virtio::feature::INPUT_RANGE)) {
        input_first = transport->config(virtio::config::input_start, 8);
        input_last = transport->config(virtio::config::input_end, 8);
    }
    if (has(virtio::feature::DOMAIN_RANGE)) {
        domain_first = static_cast<std::uint32_t>(transport->config(virtio::config::domain_start, 4));
        domain_last = static_cast<std::uint32_t>(transport->config(virtio::config::domain_end, 4));
    }
    if (has(virtio::feature::PROBE))
        probe_bytes = static_cast<std::uint32_t>(transport->config(virtio::config::probe_size, 4));
    bypass_config = has(virtio::feature::BYPASS_CONFIG);
    next_domain_ = domain_first;
    const std::uint32_t slots = requests_.entries() / 2;
    const auto buffers = pages.alloc_zeroed(slots * kBufferBytes + kProbeRoom);
    const auto event_buffers = pages.alloc_zeroed(std::uint64_t{events_.entries()} / 2 * kEventSlotBytes);
    if (!buffers || !event_buffers) return -kENOMEM;
    buffers_ = *buffers;
    event_buffers_ = *event_buffers;
    transport->set_status(kFeatures | virtio::status::DRIVER_OK);
    for (std::uint32_t slot = 0; slot < events_.entries() / 2; ++slot) {
        events_.add(slot, {}, 0, event_buffers_ + std::uint64_t{slot} * kEventSlotBytes, virtio::event::kBytes);
    }
    events_.kick();
    return 0;
}

void ViommuDev::announce() {
    kernel().console.info(prefix, "input address: {} bits", log2_floor(input_last) + 1);
    kernel().console.info(prefix, "page mask: {:#x}", page_size_mask);
}

void ViommuDev::request_irq(const firmware::Node& node) {
    if (node.interrupts.empty()) return;
    kernel().machine.connect_interrupt(*dev.of_node, node.interrupts.front().name,
                                       irq_.entry([this] { viommu_event_handler(); }));
}

std::optional<std::uint32_t> ViommuDev::take_domain() {
    if (!free_domains_.empty()) {
        const std::uint32_t number = free_domains_.back();
        free_domains_.pop_back();
        return number;
    }
    if (next_domain_ > domain_last || next_domain_ < domain_first) return std::nullopt;
    return next_domain_++;
}

/// request_lock held.
void ViommuDev::post(const ViommuRequest& request, std::uint32_t writable_bytes) {
    const std::uint32_t slots = requests_.entries() / 2;
    if (in_flight_ == slots) drain();
    const std::uint32_t slot = next_slot_;
    next_slot_ = (next_slot_ + 1) % slots;
    const PhysAddr buffer = buffers_ + slot * kBufferBytes;
    pages.write_words(buffer, request.words.data(), request.words.size());
    const PhysAddr answer =
        writable_bytes > virtio::kTailBytes ? buffers_ + slots * kBufferBytes : buffer + kAnswerOffset;
    requests_.add(slot, buffer, request.bytes, answer, writable_bytes);
    ++in_flight_;
}

/// request_lock held. Linux __viommu_sync_req(): kicks, and looks until everything is back.
void ViommuDev::drain() {
    Frame frame{kernel(), "__viommu_sync_req"};
    if (in_flight_ == 0) return;
    requests_.kick();
    const SimTime since = kernel().now();
    while (in_flight_ != 0) {
        if (requests_.get()) {
            --in_flight_;
            continue;
        }
        const SimTime waited = kernel().now() - since;
        if (waited >= kHardLockup) report_lockup();
        pages.relax();
        kernel().machine.pass(waited < kSlow ? ns(50) : us(100));
    }
}

/// Linux looks for ever, with the lock held and interrupts off: its watchdog speaks.
void ViommuDev::report_lockup() {
    Report report;
    report.kind = ReportKind::hung_task;
    report.what = fmt::format("hard LOCKUP: {} of its requests without an answer", in_flight_);
    report.detail = (transport->status() & virtio::status::NEEDS_RESET) != 0
                        ? "the device needs a reset: its rings made no sense to it"
                        : "the device has them, and is silent";
    report.device = dev.name;
    report.place = place_of(kernel().sched.current_or_null(), "VIR7");
    kernel().reports.oops(std::move(report));
}

int ViommuDev::viommu_send_req_sync(const ViommuRequest& request, std::vector<std::uint64_t>* properties) {
    Frame frame{kernel(), "viommu_send_req_sync"};
    request_lock_.lock("VIR1");
    // What was queued before is answered before: the last one back is this one.
    drain();
    const std::uint32_t slots = requests_.entries() / 2;
    const std::uint32_t slot = next_slot_;
    const std::uint32_t extra = properties != nullptr ? probe_bytes : 0;
    post(request, extra + virtio::kTailBytes);
    drain();
    std::uint64_t tail = 0;
    if (properties != nullptr) {
        const PhysAddr answer = buffers_ + slots * kBufferBytes;
        for (std::uint32_t at = 0; at < extra; at += 8) properties->push_back(pages.read_u64(answer + at));
        tail = pages.read_u64(answer + align_down(extra, 8)) >> (8 * (extra % 8));
    } else {
        tail = pages.read_u64(buffers_ + slot * kBufferBytes + kAnswerOffset);
    }
    request_lock_.unlock("VIR2");
    return error_of(static_cast<std::uint8_t>(tail));
}

void ViommuDev::viommu_add_req(const ViommuRequest& request, bool kick) {
    Frame frame{kernel(), "viommu_add_req"};
    request_lock_.lock("VIR3");
    post(request, virtio::kTailBytes);
    if (kick) requests_.kick();
    request_lock_.unlock("VIR4");
}

void ViommuDev::viommu_sync_req() {
    request_lock_.lock("VIR5");
    drain();
    request_lock_.unlock("VIR6");
}

void ViommuDev::viommu_event_handler() {
    Frame frame{kernel(), "viommu_event_handler"};
    transport->acknowledge();
    bool any = false;
    while (const auto used = events_.get()) {
        const PhysAddr record = event_buffers_ + std::uint64_t{used->slot} * kEventSlotBytes;
        viommu_fault_handler(record);
        events_.add(used->slot, {}, 0, record, virtio::event::kBytes);
        any = true;
    }
    if (any) events_.kick();
}

void ViommuDev::viommu_fault_handler(PhysAddr record) {
    const std::uint64_t head = pages.read_u64(record);
    const auto endpoint = static_cast<std::uint32_t>(pages.read_u64(record + 8));
    const std::uint64_t address = pages.read_u64(record + 16);
    const auto reason = static_cast<std::uint8_t>(head);
    const auto flags = static_cast<std::uint32_t>(head >> 32);
    const char* const why = reason == virtio::event::kDomain    ? "domain"
                            : reason == virtio::event::kMapping ? "page"
                                                                : "unknown";
    if ((flags & virtio::event::ADDRESS) == 0) {
        kernel().console.err(prefix, "{} fault from EP {}", why, endpoint);
        return;
    }
    const auto letter = [&](std::uint32_t flag, const char* text) { return (flags & flag) != 0 ? text : ""; };
    kernel().console.err(prefix, "{} fault from EP {} at {:#x} [{}{}{}]", why, endpoint, address,
                         letter(virtio::event::READ, "R"), letter(virtio::event::WRITE, "W"),
                         letter(virtio::event::EXEC, "X"));
}

}  // namespace xlate::kernel
