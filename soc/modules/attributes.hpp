// Who makes an access: the extension that a foreign master may put on its payloads, and that an IOMMU reads.
// All of it is optional: what is not said here, the master's socket says (MasterSocket in soc/modules/iommu.hpp).
//   stream       stream ID, requester ID, master ID: how the IOMMU knows the device
//   substream    SubstreamID, PASID
//   privileged   of a privileged process of the master; instruction: a fetch (reads only)
//   of_iommu     an IOMMU's own access: tables, queues, messages
//   priority     at arbiters of our modules; higher goes first
//   timing_only  its bytes are nobody's: the access takes its time, and a memory stores and fills in nothing. Our SoC
//                sends those for stores of CPUs, which are in memory at once, and for traffic without payload
//   source,      in our SoC: who of an interconnect's initiators sent it, and as the how-manieth of his; what keeps the
//   number       order is known by them
//   ats          PCIe Address Type: untranslated; translated: the address came from an ATC; translation_request: the
//                answer comes in `answer`, no access is made
// Written back before the response: `fault`, the IOMMU's code of the record (SMMUv3: of the event), 0: none.
// TLM: ignorable; the master owns it, copies are deep. Stale ones are the master's to clear.
#pragma once

#include <tlm>

#include <cstdint>
#include <optional>

#include "iommu/engine.hpp"

namespace xlate::soc {

class DmaAttributes final : public tlm::tlm_extension<DmaAttributes> {
public:
    std::optional<std::uint32_t> stream;
    std::optional<std::uint32_t> substream;
    bool privileged = false;
    bool instruction = false;
    bool of_iommu = false;
    std::uint8_t priority = 0;
    bool timing_only = false;
    std::uint32_t source = 0;
    std::uint64_t number = 0;
    iommu::AtsType ats = iommu::AtsType::untranslated;
    bool no_write = false;  ///< a translation request for reading only

    iommu::CachedTranslation answer;  ///< of a translation request: rights of 0 if there is none
    std::uint16_t fault = 0;

    tlm::tlm_extension_base* clone() const override;
    void copy_from(const tlm::tlm_extension_base& other) override;
};

}  // namespace xlate::soc
