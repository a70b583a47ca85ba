#include "kernel-model/clients/omap_clients.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/span.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/boot_state.hpp"

namespace xlate::kernel {

namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::uint64_t kFirmwareBase = 0x8000'0000, kFirmwareLast = 0xFFFF'FFFF;
constexpr unsigned kReleaseDropsMapping = 613;

constexpr std::string_view kIspModule = "omap3_isp", kRprocModule = "omap_remoteproc";
constexpr std::string_view kIsp[] = {"ti,omap3-isp"};
constexpr std::string_view kRproc[] = {"ti,omap4-dsp", "ti,omap4-ipu", "ti,omap5-dsp",
                                       "ti,omap5-ipu", "ti,dra7-dsp",  "ti,dra7-ipu"};

bool is_one_of(const firmware::Node& node, Span<std::string_view> compatibles) {
    return std::any_of(compatibles.begin(), compatibles.end(),
                       [&](std::string_view one) { return node.is_compatible(one); });
}

/// What both have in common: one attaches before its own probe goes on, and detaches behind its removal.
class OwnDomainClient : public Driver {
public:
    OwnDomainClient(std::string driver_name, BusType& platform, LinuxBoot& the_boot, Span<std::string_view> compatibles)
        : Driver(std::move(driver_name), platform), boot(the_boot), compatibles_(compatibles) {}

    bool match(const Device& device) const override {
        return device.of_node && is_one_of(boot.description().node(*device.of_node), compatibles_);
    }
    int probe(Device& dev) override {
        const bool behind = boot.description().node(*dev.of_node).has_iommus;
        if (behind) {
            if (const int err = attach(dev); err != 0) return unattached(dev, err);
        }
        const int err = boot.state().client_probe(dev);
        if (err == 0) running_.insert(&dev);
        if (err != 0 && behind) detach(dev);
        return err;
    }
    void remove(Device& dev) override {
        if (running_.erase(&dev) == 0) return;
        boot.state().client_remove(dev);
        detach(dev);
    }

protected:
    virtual int attach(Device& dev) = 0;
    /// What its probe answers when it could not be attached.
    virtual int unattached(Device&, int err) { return err; }
    virtual void detach(Device& dev) = 0;

    ArchDma& arch() { return boot.of().arch(); }
    void drop_mapping(Device& dev) {
        if (boot.kernel().variant.release < kReleaseDropsMapping) return;
        if (const Ptr<ArmMapping> mapping = arch().arm_iommu_detach_device(dev)) {
            arch().arm_iommu_release_mapping(mapping, "OWN1");
        }
    }

    LinuxBoot& boot;

private:
    const Span<std::string_view> compatibles_;
    std::set<const Device*> running_;  ///< looked up, never walked
};

class Omap3Isp final : public OwnDomainClient {
public:
    Omap3Isp(BusType& platform, LinuxBoot& the_boot)
        : OwnDomainClient("omap3isp", platform, the_boot, {kIsp, std::size(kIsp)}) {}

protected:
    // Linux isp_attach_iommu().
    int attach(Device& dev) override {
        if (arch().row().mapped != ArchRow::Mapped::own_mapping) return 0;
        Frame frame{boot.kernel(), "isp_attach_iommu"};
        Console& console = boot.kernel().console;
        drop_mapping(dev);
        const PtrOrErr<ArmMapping> made = arch().arm_iommu_create_mapping(dev, kGiB, 2 * kGiB);
        int err = made.err;
        if (err != 0) {
            console.err(dev.prefix(), "failed to create ARM IOMMU mapping");
        } else {
            err = arch().arm_iommu_attach_device(dev, made.value);
            if (err != 0) {
                console.err(dev.prefix(), "failed to attach device to VA mapping");
                arch().arm_iommu_release_mapping(made.value, "ISP1");
            }
        }
        if (err != 0) console.err(dev.prefix(), "unable to attach to IOMMU");
        return err;
    }
    void detach(Device& dev) override {
        if (const Ptr<ArmMapping> mapping = arch().arm_iommu_detach_device(dev)) {
            arch().arm_iommu_release_mapping(mapping, "ISP2");
        }
    }
};

class OmapRproc final : public OwnDomainClient {
public:
    OmapRproc(BusType& platform, LinuxBoot& the_boot)
        : OwnDomainClient("omap-rproc", platform, the_boot, {kRproc, std::size(kRproc)}) {}

protected:
    // Linux rproc_enable_iommu(); the addresses of its memory come from a range that only this domain has.
    int attach(Device& dev) override {
        Frame frame{boot.kernel(), "rproc_enable_iommu"};
        IommuCore& iommu = boot.iommu();
        drop_mapping(dev);
        const Ptr<IommuDomain> domain = iommu.iommu_domain_alloc(dev, "RPR1");
        if (!domain) {
            boot.kernel().console.err(dev.prefix(), "can't alloc iommu domain");
            return -kENOMEM;
        }
        int err = iommu.iommu_attach_device(domain, dev);
        if (err != 0) boot.kernel().console.err(dev.prefix(), "can't attach iommu device: {}", err);
        DmaLayer* const dma = iommu.dma;
        if (err == 0 && dma != nullptr) {
            err = dma->get_dma_cookie(domain);
            if (err == 0) err = dma->init_domain(domain, kFirmwareBase, kFirmwareLast, dev);
            if (err != 0) iommu.iommu_detach_device(domain, dev);
        }
        if (err != 0) {
            release(domain);
            return err;
        }
        domains_[&dev] = domain;
        dev.dma_ops.write(DmaOps::arm_mapping, "RPR2");
        return 0;
    }
    // The driver stays bound: it is the boot of its firmware that fails.
    int unattached(Device& dev, int err) override {
        boot.kernel().console.err(dev.prefix(), "can't enable iommu: {}", err);
        return 0;
    }
    void detach(Device& dev) override {
        const auto found = domains_.find(&dev);
        if (found == domains_.end()) return;
        dev.dma_ops.write(DmaOps::direct, "RPR3");
        boot.iommu().iommu_detach_device(found->second, dev);
        release(found->second);
        domains_.erase(found);
    }

private:
    void release(Ptr<IommuDomain> domain) {
        if (boot.iommu().dma != nullptr) boot.iommu().dma->put_dma_cookie(domain);
        boot.iommu().iommu_domain_free(domain, "RPR4");
    }
    std::map<const Device*, Ptr<IommuDomain>> domains_;  ///< looked up, never walked
};

}  // namespace

std::vector<KnownDriver> make_omap_clients(LinuxBoot& boot) {
    BusType& platform = boot.state().platform;
    std::vector<KnownDriver> all;
    all.push_back({std::make_unique<Omap3Isp>(platform, boot), DriverLevel::module, std::string(kIspModule)});
    all.push_back({std::make_unique<OmapRproc>(platform, boot), DriverLevel::module, std::string(kRprocModule)});
    return all;
}

std::vector<std::string> omap_client_modules(const firmware::Description& board) {
    std::vector<std::string> modules;
    const auto add = [&](std::string_view module, Span<std::string_view> compatibles) {
        if (std::any_of(board.nodes.begin(), board.nodes.end(),
                        [&](const firmware::Node& node) { return is_one_of(node, compatibles); }))
            modules.emplace_back(module);
    };
    add(kIspModule, {kIsp, std::size(kIsp)});
    add(kRprocModule, {kRproc, std::size(kRproc)});
    return modules;
}

}  // namespace xlate::kernel
