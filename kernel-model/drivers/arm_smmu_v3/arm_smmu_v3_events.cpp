// What an SMMUv3 tells its driver: fault records, page requests, global errors.
// Source: docs/spec/iommu-hardware.md sections 1.2 (step 9), 1.3, 1.8.
#include <fmt/format.h>

#include <array>
#include <vector>

#include "base/bits.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_domain.hpp"

namespace xlate::kernel {

namespace smmu = iommu::smmuv3;
namespace reg = iommu::smmuv3::reg;
namespace gerror = iommu::smmuv3::gerror;

namespace {

/// Linux prints at most ten events in five seconds.
constexpr SimTime kPrintWindow = ms(5000);
constexpr unsigned kPrintBurst = 10;
constexpr std::uint32_t kOverflow = 1u << 31;

std::uint32_t next_position(std::uint32_t position, unsigned log2_entries) {
    return (position & kOverflow) | ((position + 1) & static_cast<std::uint32_t>(low_mask(log2_entries + 1)));
}

}  // namespace

bool ArmSmmuDevice::print_allowed() {
    if (kernel().now() - print_window_start_ >= kPrintWindow) {
        if (prints_suppressed_ != 0) {
            kernel().console.warn("", "arm_smmu_evtq_thread: {} callbacks suppressed", prints_suppressed_);
        }
        print_window_start_ = kernel().now();
        printed_in_window_ = 0;
        prints_suppressed_ = 0;
    }
    if (printed_in_window_ < kPrintBurst) {
        ++printed_in_window_;
        return true;
    }
    ++prints_suppressed_;
    return false;
}

void ArmSmmuDevice::print_event(const smmu::EventWords& words) {
    if (!print_allowed()) return;
    kernel().console.info(prefix, "event {:#04x} received:", smmu::event::TYPE.get(words));
    for (const std::uint64_t word : words) kernel().console.info(prefix, "\t{:#018x}", word);
}

void ArmSmmuDevice::evtq_thread() {
    Frame frame{kernel(), "arm_smmu_evtq_thread"};
    const auto mask = static_cast<std::uint32_t>(low_mask(evtq_.log2_entries + 1));
    std::uint32_t prod = read(reg::EVENTQ_PROD);
    for (;;) {
        while ((prod & mask) != (evtq_.cons & mask)) {
            std::array<std::uint8_t, smmu::kEventBytes> bytes{};
            const std::uint64_t index = evtq_.cons & low_mask(evtq_.log2_entries);
            machine().memory_read(evtq_.base + index * smmu::kEventBytes, bytes.data(), bytes.size());
            evtq_.cons = next_position(evtq_.cons, evtq_.log2_entries);
            write(reg::EVENTQ_CONS, evtq_.cons);
            const auto words = smmu::words_from_bytes<4>(bytes.data());
            const auto type = static_cast<std::uint8_t>(smmu::event::TYPE.get(words));
            ++stats.events[type];
            print_event(words);
            // Nobody here resumes a stalled transaction: it is terminated.
            if (smmu::event::STALL.test(words)) {
                cmdq.issue_cmd_with_sync(smmu::command::resume(
                    StreamId{static_cast<std::uint32_t>(smmu::event::SID.get(words))},
                    static_cast<std::uint16_t>(smmu::event::STAG.get(words)), smmu::command::Resume::abort));
            }
        }
        const std::uint32_t now = read(reg::EVENTQ_PROD);
        if ((now & kOverflow) != (evtq_.cons & kOverflow)) {
            kernel().console.err(prefix, "EVTQ overflow detected -- events lost");
            ++stats.events_lost;
            evtq_.cons = (evtq_.cons & ~kOverflow) | (now & kOverflow);
            write(reg::EVENTQ_CONS, evtq_.cons);
        }
        if ((now & mask) == (evtq_.cons & mask)) return;
        prod = now;
    }
}

bool ArmSmmuDevice::handle_page_request(const smmu::PageRequestWords& words) {
    if (!params.on_page_request) return false;
    streams_mutex.lock("SMP1");
    const auto owner = streams.find(static_cast<std::uint32_t>(smmu::page_request::SID.get(words)));
    const Ptr<ArmSmmuMaster> master = owner == streams.end() ? Ptr<ArmSmmuMaster>{} : owner->second;
    streams_mutex.unlock("SMP2");
    return master && params.on_page_request(master->dev, Iova{smmu::page_request::ADDR.address(words)},
                                            smmu::page_request::WRITE.test(words));
}

void ArmSmmuDevice::priq_thread() {
    Frame frame{kernel(), "arm_smmu_priq_thread"};
    const auto mask = static_cast<std::uint32_t>(low_mask(priq_.log2_entries + 1));
    std::uint32_t prod = read(reg::PRIQ_PROD);
    while ((prod & mask) != (priq_.cons & mask)) {
        std::array<std::uint8_t, smmu::kPageRequestBytes> bytes{};
        const std::uint64_t index = priq_.cons & low_mask(priq_.log2_entries);
        machine().memory_read(priq_.base + index * smmu::kPageRequestBytes, bytes.data(), bytes.size());
        const auto words = smmu::words_from_bytes<2>(bytes.data());
        namespace request = smmu::page_request;
        const bool granted = handle_page_request(words);
        if (!granted) {
            kernel().console.info(prefix, "unexpected PRI request received:");
            kernel().console.info(prefix, "\tsid {:#010x}.{:#07x}: [{}{}] {}{}{} access at iova {:#018x}",
                                  request::SID.get(words), request::SSV.test(words) ? request::SSID.get(words) : 0,
                                  request::PRGINDEX.get(words), request::LAST.test(words) ? "L" : "",
                                  request::PRIV.test(words) ? "" : "un", request::READ.test(words) ? "R" : "",
                                  request::WRITE.test(words) ? "W" : "", request::ADDR.address(words));
        }
        if (request::LAST.test(words)) {
            std::optional<SubstreamId> ssid;
            if (request::SSV.test(words)) ssid = SubstreamId{static_cast<std::uint32_t>(request::SSID.get(words))};
            cmdq.issue_cmd(smmu::command::pri_resp(StreamId{static_cast<std::uint32_t>(request::SID.get(words))}, ssid,
                                                   static_cast<std::uint16_t>(request::PRGINDEX.get(words)),
                                                   granted ? smmu::cmd::RESP_SUCCESS : smmu::cmd::RESP_FAILURE));
        }
        priq_.cons = next_position(priq_.cons, priq_.log2_entries);
        write(reg::PRIQ_CONS, priq_.cons);
        prod = read(reg::PRIQ_PROD);
        if ((prod & kOverflow) != (priq_.cons & kOverflow)) {
            kernel().console.err(prefix, "PRIQ overflow detected -- requests lost");
            priq_.cons = (priq_.cons & ~kOverflow) | (prod & kOverflow);
            write(reg::PRIQ_CONS, priq_.cons);
        }
    }
}

void ArmSmmuDevice::gerror_handler() {
    Frame frame{kernel(), "arm_smmu_gerror_handler"};
    const std::uint32_t errors = read(reg::GERROR);
    const std::uint32_t acknowledged = read(reg::GERRORN);
    const std::uint32_t active = errors ^ acknowledged;
    if (active == 0) return;
    ++stats.global_errors;
    Console& console = kernel().console;
    console.warn(prefix, "unexpected global error reported ({:#010x}), this could be serious", active);
    if (gerror::SFM_ERR.test(active)) {
        console.err(prefix, "device has entered Service Failure Mode!");
        disable();
    }
    if (gerror::MSI_GERROR_ABT.test(active)) console.warn(prefix, "GERROR MSI write aborted");
    if (gerror::MSI_PRIQ_ABT.test(active)) console.warn(prefix, "PRIQ MSI write aborted");
    if (gerror::MSI_EVENTQ_ABT.test(active)) console.warn(prefix, "EVTQ MSI write aborted");
    if (gerror::MSI_CMDQ_ABT.test(active)) console.warn(prefix, "CMDQ MSI write aborted");
    if (gerror::PRIQ_ABT.test(active)) console.err(prefix, "PRIQ write aborted -- events may have been lost");
    if (gerror::EVENTQ_ABT.test(active)) console.err(prefix, "EVTQ write aborted -- events may have been lost");
    if (gerror::CMDQ_ERR.test(active)) cmdq.skip_err();
    if (gerror::CMDQP_ERR.test(active)) {
        for (const auto& queue : ecmdqs) queue->skip_ecmdq_err();
    }
    write(reg::GERRORN, errors);
}

}  // namespace xlate::kernel
