// The page docs/virtio-iommu.md: what the model of virtio-iommu does with each register, feature, request and event,
// made from the tables here and from the data sheet.
#pragma once

#include <string>

namespace xlate::iommu::virtio {

/// Markdown.
std::string virtio_page();

}  // namespace xlate::iommu::virtio
