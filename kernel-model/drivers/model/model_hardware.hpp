// What the hardware behind a model driver has and refuses, as data; it does nothing else.
// Source: docs/spec/kernel-probe.md section 5 (probe checks, ID limits).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace xlate::kernel {

/// Of one instance.
struct ModelHardware {
    unsigned entries = 0;               ///< arm-smmu: stream-map entries; mtk: larbs; qcom: banks. 0: the row's own
    bool stream_matching = true;        ///< arm-smmu; false: the stream id is the entry
    std::vector<std::uint32_t> absent;  ///< mtk larbs, qcom banks, virtio endpoints that are not there
    std::string refusal = "NOENT";      ///< virtio: status of a request for an absent endpoint
    /// tegra: swgroups that share a group; mtk: ports of one region. An id may stand in one only.
    std::vector<std::vector<std::uint32_t>> groups;
    bool large_pages = false;  ///< apple-dart: its page is larger than the CPU's
    bool bypass = true;        ///< apple-dart: can pass through
};

/// virtio-iommu's status as an error: "INVAL" -EINVAL, "NOENT" -ENOENT, ... ; anything else -EIO.
int virtio_status_error(const std::string& status);
/// Those that a `refusal` may name.
const std::vector<std::string>& virtio_statuses();

}  // namespace xlate::kernel
