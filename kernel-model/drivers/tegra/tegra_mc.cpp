#include "kernel-model/drivers/tegra/tegra_mc.hpp"

#include <algorithm>

#include "iommu/tegra/layout.hpp"
#include "iommu/tegra/layout_socs.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {

namespace tegra = iommu::tegra;
namespace reg = iommu::tegra::reg;

namespace {

constexpr std::string_view kDriver = "tegra-mc";
constexpr std::uint32_t kCyclesPerUpdate = 0x1FF, kTimingUpdate = 1;

/// As of_device_get_match_data(): by the node's first compatible that the table has.
const tegra::Soc* soc_of(const firmware::Node& node) {
    for (const std::string& compatible : node.compatible) {
        if (const tegra::Soc* const soc = tegra::soc_of(compatible)) return soc;
    }
    return nullptr;
}

std::string_view status_name(unsigned bit) {
    switch (bit) {
        case 6:
            return "EMEM address decode error";
        case 8:
            return "Security violation";
        case 9:
            return "EMEM arbitration error";
        case 10:
            return "Page fault";
        case 11:
            return "Invalid APB ASID update";
        case 12:
            return "VPR violation";
        case 13:
            return "Secure carveout violation";
        case 16:
            return "MTS carveout violation";
        default:
            return "unknown";
    }
}

std::string_view error_name(std::uint64_t type) {
    switch (type) {
        case tegra::err_status::TYPE_DECERR_EMEM:
            return "EMEM decode error";
        case tegra::err_status::TYPE_TRUSTZONE:
            return "TrustZone violation";
        case tegra::err_status::TYPE_CARVEOUT:
            return "Carveout violation";
        case tegra::err_status::TYPE_INVALID_SMMU_PAGE:
            return "SMMU translation error";
        default:
            return "(null)";
    }
}

}  // namespace

TegraMc::TegraMc(Kernel& the_kernel, Device& the_dev, const tegra::Soc& the_soc, PhysAddr the_regs)
    : HeapObject(the_kernel, "tegra_mc"),
      dev(the_dev),
      soc(the_soc),
      regs(the_regs),
      prefix(std::string(kDriver) + " " + the_dev.name),
      smmu(*this, "mc->smmu"),
      irq_(the_kernel, "irq/" + the_dev.name, 0) {}

std::uint32_t TegraMc::read(std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(regs + offset, 4));
}
void TegraMc::write(std::uint32_t offset, std::uint32_t value) { kernel().machine.mmio_write(regs + offset, 4, value); }

void TegraMc::tegra30_mc_probe() {
    Frame frame{kernel(), "tegra30_mc_probe"};
    write(reg::TIMING_CONTROL_DBG, 0);
    tegra_mc_setup_latency_allowance();
    kernel().console.warn(prefix, "no memory timings for RAM code 0 registered");
}

// The clock's rate is not known: the field of cycles per tick becomes 0, as with a slow clock. Clients without an
// allowance have register 0 and an empty mask in Linux's table.
void TegraMc::tegra_mc_setup_latency_allowance() {
    write(reg::EMEM_ARB_CFG, read(reg::EMEM_ARB_CFG) & ~kCyclesPerUpdate);
    for (const tegra::Client& client : soc.clients) {
        const Field field{client.allowance_shift, client.allowance_reg != 0 ? 8U : 0U};
        const std::uint32_t value = read(client.allowance_reg);
        write(client.allowance_reg, static_cast<std::uint32_t>(field.set(value, client.allowance)));
    }
    write(reg::TIMING_CONTROL, kTimingUpdate);
}

void TegraMc::request_irq(const firmware::Node& node) {
    kernel().machine.connect_interrupt(*dev.of_node, node.interrupts.front().name,
                                       irq_.entry([this] { tegra30_mc_handle_irq(); }));
}

void TegraMc::tegra30_mc_handle_irq() {
    Frame frame{kernel(), "tegra30_mc_handle_irq"};
    const std::uint32_t status = read(reg::INTSTATUS) & soc.intmask;
    if (status == 0) return;
    for (unsigned bit = 0; bit < 32; ++bit) {
        if ((status >> bit & 1) != 0) report(bit);
    }
    write(reg::INTSTATUS, status);
}

void TegraMc::report(unsigned cause) {
    namespace err = tegra::err_status;
    const std::uint32_t value = read(reg::ERR_STATUS);
    const std::uint32_t id = value & soc.client_id_mask;
    const auto client =
        std::find_if(soc.clients.begin(), soc.clients.end(), [&](const tegra::Client& one) { return one.id == id; });
    std::string rights;
    if (err::TYPE.get(value) == err::TYPE_INVALID_SMMU_PAGE) {
        rights = fmt::format(" [{}{}{}]", err::READABLE.test(value) ? 'R' : '-', err::WRITABLE.test(value) ? 'W' : '-',
                             err::NONSECURE.test(value) ? '-' : 'S');
    }
    std::uint64_t address = soc.address_bits > 32 ? err::ADR_HI.get(value) << 32 : 0;
    address |= read(reg::ERR_ADR);
    kernel().console.err(prefix, "{}: {}{} @{:#018x}: {} ({}{})",
                         client != soc.clients.end() ? client->name : std::string_view("unknown"),
                         err::SECURITY.test(value) ? "secure " : "", err::RW.test(value) ? "write" : "read", address,
                         status_name(cause), error_name(err::TYPE.get(value)), rights);
}

TegraMcDriver::TegraMcDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts,
                             std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group)
    : Driver(std::string(kDriver), platform),
      core_(core),
      mistakes_(parts.mistakes),
      ops_(core, platform, parts.pages, std::move(pci_device_group)) {}

bool TegraMcDriver::match(const Device& device) const {
    return device.of_node && soc_of(core_.description.node(*device.of_node)) != nullptr;
}

// What the SMMU's probe says does not become the controller's.
int TegraMcDriver::probe(Device& dev) {
    Frame frame{core_.k, "tegra_mc_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    if (node.regs.empty()) return -kEINVAL;
    const firmware::Reg& window = node.regs.front();
    const Ptr<TegraMc> made =
        core_.k.heap.make<TegraMc>("TGP1", dev, *soc_of(node), PhysAddr{window.cpu_address.value_or(window.address)});
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    TegraMc& mc = *made.get();
    dev.driver_data = &mc;
    mc.tegra30_mc_probe();
    if (node.interrupts.empty()) {
        core_.k.console.err(mc.prefix, "error -ENXIO: IRQ index 0 not found");
        return -kENXIO;
    }
    core_.k.machine.mmio_write(mc.regs + reg::INTMASK, 4, mc.soc.intmask);
    mc.request_irq(node);
    if (const int err = tegra_smmu_probe(mc); err != 0) {
        core_.k.console.err(mc.prefix, "failed to probe SMMU: {}", err);
        mc.smmu.write({}, "TGP2");
    }
    return 0;
}

// The instance is known before it is registered: the registration's walk probes clients that look it up.
int TegraMcDriver::tegra_smmu_probe(TegraMc& mc) {
    const Ptr<TegraSmmu> made = core_.k.heap.make<TegraSmmu>("TGP3", mc.dev, mc.soc, mc.regs, mistakes_);
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());
    TegraSmmu& smmu = *made.get();
    mc.smmu.write(made, "TGP4");
    smmu.hw_init();
    smmu.iommu = core_.k.heap.make<IommuDevice>("TGP5", mc.dev.name);
    if (!smmu.iommu) return -kENOMEM;
    const int err = core_.iommu_device_register(smmu.iommu, &ops_, Ptr<Device>(&mc.dev));
    if (err == 0) return 0;
    core_.k.heap.release(smmu.iommu, "TGP6");
    smmu.iommu = {};
    return err;
}

std::unique_ptr<Driver> make_tegra_mc(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<TegraMcDriver>(boot.iommu(), *boot.drivers().buses().front(), parts,
                                           [&pci = boot.pci()](Device& dev) { return pci.pci_device_group(dev); });
}

}  // namespace xlate::kernel
