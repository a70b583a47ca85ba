// Which variant stands for a release of Linux, and why that one where the release has none of its own.
// Source: docs/spec/kernel-probe.md section 0 and 6.3; docs/spec/probe-reports.md sections 1 and 3.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace xlate::kernel {

/// 6, 12 and 107 of "6.12.107".
struct KernelRelease {
    unsigned major = 0;
    unsigned minor = 0;
    std::optional<unsigned> patch;  ///< none is the same as 0

    unsigned number() const { return major * 100 + minor; }  ///< as Variant::release
};

/// "linux-7.4", "mainline-7.4", "v7.4", "6.14.3" and "linux-9"; nothing of a text that is anything else.
std::optional<KernelRelease> release_of_name(std::string_view text);

struct ReleaseVariant {
    std::string variant;  ///< as find_variant() takes it
    std::string why;      ///< "the nearest before it"; empty: the variant is that release's own
};
ReleaseVariant variant_of_release(const KernelRelease& release);

}  // namespace xlate::kernel
