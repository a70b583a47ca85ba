#include "kernel-model/drivers/platform_msi.hpp"

#include "base/bits.hpp"

namespace xlate::kernel {
namespace {

constexpr std::uint64_t kV2mSetSpi = 0x40;         // MSI_SETSPI_NS
constexpr std::uint64_t kItsTranslater = 0x10040;  // GITS_TRANSLATER
/// Where the frame's node does not say (arm,msi-base-spi), its MSI_TYPER does; nobody models that register.
constexpr std::uint32_t kV2mUsualBase = 80;

}  // namespace

std::optional<MsiMessage> PlatformMsi::alloc(const firmware::Node& device) {
    const std::optional<std::uint32_t> phandle = device.u32("msi-parent");
    if (!phandle) return std::nullopt;
    const std::optional<firmware::NodeIndex> at = description_.find_phandle(*phandle);
    if (!at) return std::nullopt;
    const firmware::Node& controller = description_.node(*at);
    const bool v2m = controller.is_compatible("arm,gic-v2m-frame");
    if (!v2m && !controller.is_compatible("arm,gic-v3-its")) return std::nullopt;
    if (!controller.reachable || controller.regs.empty() || !controller.regs.front().cpu_address) return std::nullopt;
    MsiMessage message;
    message.controller = *at;
    message.doorbell = PhysAddr{*controller.regs.front().cpu_address + (v2m ? kV2mSetSpi : kItsTranslater)};
    message.data = given_[*at]++;
    if (v2m) message.data += controller.u32("arm,msi-base-spi").value_or(kV2mUsualBase);
    return message;
}

}  // namespace xlate::kernel
