// What a debugger sees through an IOMMU: an address is translated at once, and nothing changes.
#include <algorithm>

#include "soc/iommu/device.hpp"

namespace xlate::soc {

using iommu::AccessKind;
using iommu::StepKind;

std::optional<PhysAddr> IommuDevice::translate_debug(iommu::Request request) {
    request.debug = true;
    const auto slot = unit_->make_translation();
    slot->start(request);
    iommu::Reply reply;
    for (;;) {
        const iommu::Step& step = slot->step(reply);
        if (step.kind == StepKind::done) return step.result.pa;
        if (step.kind == StepKind::lookup) continue;
        if (step.kind != StepKind::access || step.access.kind != AccessKind::read) return std::nullopt;
        tlm::tlm_generic_payload read;
        read.set_read();
        read.set_address(step.access.address.value);
        read.set_data_ptr(reply.data.data());
        read.set_data_length(step.access.size);
        read.set_streaming_width(step.access.size);
        reply.abort = ports_[0]->port.socket->transport_dbg(read) != step.access.size;
    }
}

}  // namespace xlate::soc
