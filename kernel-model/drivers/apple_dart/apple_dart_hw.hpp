// One DART as its driver sees it: how Linux resets it, programs a stream, invalidates and reads errors. Function names
// are Linux's. Source: docs/spec/iommu-hardware.md section 5, docs/spec/linux-findings.md ("Apple DART"; register logs
// of 6.12.107, which override it); Linux drivers/iommu/apple-dart.c. Not modelled: clocks, save and restore in sleep.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>

#include "base/ids.hpp"
#include "iommu/dart/layout.hpp"
#include "iommu/tables/layout_dart.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/iommu-core/objects.hpp"

namespace xlate::kernel {

using DartStreams = std::bitset<iommu::dart::kMaxStreams>;

/// Linux struct apple_dart_hw, as far as it matters: what a compatible says.
struct AppleDartKind {
    const char* compatible;
    bool t8110;
    iommu::dart_table::Words words;
    unsigned oas;  ///< t8110: from PARAMS3
};
/// The row of a node; nullptr: not one of this driver's.
const AppleDartKind* apple_dart_kind(const firmware::Node& node);

/// Linux struct apple_dart. Task side only; apple_dart_irq is called by IrqThread.
class AppleDart final : public HeapObject {
public:
    AppleDart(Kernel& the_kernel, Device& the_dev, const AppleDartKind& the_kind, const Mistakes& the_mistakes);

    Device& dev;
    const AppleDartKind& kind;
    const Mistakes mistakes;
    const std::string prefix;  ///< "apple-dart 7f000000.iommu"
    PhysAddr regs{};
    unsigned page_log2 = 0;
    unsigned num_streams = 0;
    unsigned ias = 32;
    unsigned oas = 36;
    bool supports_bypass = false;
    Ptr<IommuDevice> iommu;
    std::vector<Ptr<IommuGroup>> sid2group;  ///< by stream, under the driver's groups lock

    void read_parameters();
    /// 0, or -EINVAL: locked; or what the invalidation says.
    int apple_dart_hw_reset();
    void apple_dart_hw_set_ttbr(const DartStreams& streams, unsigned index, std::uint64_t table);
    void apple_dart_hw_clear_ttbr(const DartStreams& streams, unsigned index);
    void apple_dart_hw_enable_translation(const DartStreams& streams);
    void apple_dart_hw_enable_bypass(const DartStreams& streams);
    void apple_dart_hw_disable_dma(const DartStreams& streams);
    /// 0, or -ETIMEDOUT with a line in the log.
    int invalidate_tlb(const DartStreams& streams);
    unsigned ttbr_count() const { return kind.t8110 ? 1 : iommu::dart::t8020::kTtbrs; }
    void request_irq(const firmware::Node& node);

private:
    std::uint32_t read(std::uint32_t offset);
    void write(std::uint32_t offset, std::uint32_t value);
    void write_tcr(const DartStreams& streams, std::uint32_t value);
    void write_ttbr(const DartStreams& streams, unsigned index, std::uint32_t value);
    int wait_while_busy(std::uint32_t offset, const Field& busy, std::uint32_t command);
    void apple_dart_t8020_irq();
    void apple_dart_t8110_irq();
    /// Streams that the hardware has: a bit beyond is never programmed.
    template <typename Visit>
    void for_each_stream(const DartStreams& streams, Visit&& visit) const {
        for (unsigned stream = 0; stream < num_streams; ++stream) {
            if (streams.test(stream)) visit(stream);
        }
    }

    SpinLock lock_;
    IrqThread irq_;
};

}  // namespace xlate::kernel
