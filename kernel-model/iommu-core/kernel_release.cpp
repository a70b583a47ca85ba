#include "kernel-model/iommu-core/kernel_release.hpp"

#include <iterator>

#include <fmt/format.h>

#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::kernel {

std::optional<KernelRelease> release_of_name(std::string_view text) {
    std::size_t start = 0;
    for (const std::string_view before : {"linux-", "mainline-", "v"}) {
        if (start == 0 && text.substr(0, before.size()) == before) start = before.size();
    }
    unsigned parts[3] = {0, 0, 0};
    std::size_t part = 0;
    bool digit = false;
    for (const char c : text.substr(start)) {
        const bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && (c != '.' || !digit || ++part == std::size(parts))) return std::nullopt;
        if (is_digit) parts[part] = parts[part] * 10 + static_cast<unsigned>(c - '0');
        if (parts[part] > 9999) return std::nullopt;
        digit = is_digit;
    }
    if (!digit) return std::nullopt;
    KernelRelease release;
    release.major = parts[0];
    release.minor = parts[1];
    if (part == 2) release.patch = parts[2];
    return release;
}

ReleaseVariant variant_of_release(const KernelRelease& release) {
    constexpr unsigned kFirstWithDebian = 613;  // from here on variants are Debian's kernels
    const unsigned number = release.number();
    const unsigned patch = release.patch.value_or(0);
    const std::string own = fmt::format("linux-{}.{}", release.major, release.minor);
    const std::string mainline = fmt::format("mainline-{}.{}", release.major, release.minor);
    // c41e2fb67e26 in stable releases.
    if (number == 612 && patch >= 75 && patch <= 77) return {"linux-6.12.75", ""};
    if (number == 618 && patch >= 16) return {own + "+acs_in_dma_configure", ""};
    if (number == 615) return {patch == 0 ? "mainline-6.15" : "mainline-6.15.1", ""};
    const Variant* newest = nullptr;
    for (const Variant& variant : variants()) {
        if (variant.name == own || variant.name == mainline) return {variant.name, ""};
        if (variant.name.rfind("linux-", 0) != 0 || variant.release > number || variant.release < kFirstWithDebian)
            continue;
        if (newest == nullptr || variant.release > newest->release) newest = &variant;
    }
    const char* const kBefore = "the nearest before it";
    if (newest != nullptr) return {newest->name, kBefore};
    if (number < 601) return {"linux-6.1", "the oldest that there is"};
    if (number < 606 || (number == 606 && patch < 5)) return {"base", "the probe path of 6.2 to 6.6.4"};
    if (number < 608) return {"murphy-6.7", "its one-lock fix is in 6.6.5 and in 6.7"};
    if (number < 611) return {"mainline-6.8", kBefore};
    return {number == 611 ? "mainline-6.11" : "linux-6.12", kBefore};
}

}  // namespace xlate::kernel
