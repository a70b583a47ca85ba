#include "kernel-model/clients/tegra_clients.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kernel-model/boot.hpp"
#include "kernel-model/boot_state.hpp"
#include "kernel-model/iommu-core/attach_group.hpp"

namespace xlate::kernel {

namespace {

using firmware::Node;
using firmware::NodeIndex;

constexpr std::string_view kHostModule = "host1x", kDrmModule = "tegra_drm";
constexpr std::string_view kVendor = "nvidia,tegra";
/// What a DMA master below a host is called behind its SoC: "nvidia,tegra210-dc".
constexpr std::string_view kEngines[] = {"dc", "gr2d", "gr3d", "vic", "nvdec"};
constexpr unsigned kReleaseIdentityIsNone = 607;
constexpr unsigned kBits32 = 32, kBits34 = 34, kBits40 = 40;

/// "tegra210" and "dc" of "nvidia,tegra210-dc"; empty: something else.
std::pair<std::string_view, std::string_view> split(std::string_view compatible) {
    if (compatible.substr(0, kVendor.size()) != kVendor) return {};
    const std::size_t dash = compatible.find('-');
    if (dash == std::string_view::npos) return {};
    const std::size_t soc = kVendor.size() - std::string_view("tegra").size();
    return {compatible.substr(soc, dash - soc), compatible.substr(dash + 1)};
}

std::string_view host_soc(const Node& node) {
    for (const std::string& one : node.compatible) {
        const auto [soc, what] = split(one);
        if (what == "host1x") return soc;
    }
    return {};
}

bool is_engine(const Node& node) {
    return std::any_of(node.compatible.begin(), node.compatible.end(), [](const std::string& one) {
        const std::string_view what = split(one).second;
        return std::find(std::begin(kEngines), std::end(kEngines), what) != std::end(kEngines);
    });
}

/// Bits of an address that the host puts out. Linux's host1x_info.
unsigned host_bits(std::string_view soc) {
    if (soc == "tegra20" || soc == "tegra30" || soc == "tegra114") return kBits32;
    return soc == "tegra124" || soc == "tegra210" ? kBits34 : kBits40;
}

/// A domain of a driver's own, and the addresses in it.
class OwnDomain {
public:
    explicit OwnDomain(LinuxBoot& boot) : boot_(boot) {}

    bool made() const { return static_cast<bool>(domain_); }
    Ptr<IommuDomain> get() const { return domain_; }
    int make(Device& dev, unsigned bits) {
        domain_ = core().iommu_domain_alloc(dev, "TGH1");
        if (!domain_) return -kENOMEM;
        bits_ = bits;
        return core().dma != nullptr ? core().dma->get_dma_cookie(domain_) : 0;
    }
    /// 0: the device's DMA goes through it. A group that is in it already stays there.
    int attach(Device& dev) {
        const Ptr<IommuGroup> group = core().iommu_group_get(dev, "TGH2");
        if (!group) return -kENODEV;
        int err = 0;
        if (core().iommu_get_domain_for_dev(dev, "TGH2") != domain_) err = iommu_attach_group(core(), domain_, group);
        // A domain learns its page sizes when it is attached.
        if (err == 0 && core().dma != nullptr) {
            err = core().dma->init_domain(domain_, 0, (std::uint64_t{1} << bits_) - 1, dev);
            if (err != 0) iommu_detach_group(core(), domain_, group);
        }
        core().iommu_group_put(group, "TGH3");
        if (err == 0) dev.dma_ops.write(DmaOps::arm_mapping, "TGH3");  // the group's domain, whoever made it
        return err;
    }
    void detach(Device& dev) {
        dev.dma_ops.write(DmaOps::direct, "TGH4");
        const Ptr<IommuGroup> group = core().iommu_group_get(dev, "TGH4");
        if (!group) return;
        iommu_detach_group(core(), domain_, group);
        core().iommu_group_put(group, "TGH5");
    }
    void release() {
        if (!domain_) return;
        if (core().dma != nullptr) core().dma->put_dma_cookie(domain_);
        core().iommu_domain_free(domain_, "TGH6");
        domain_ = {};
    }

private:
    IommuCore& core() { return boot_.iommu(); }

    LinuxBoot& boot_;
    Ptr<IommuDomain> domain_;
    unsigned bits_ = 0;
};

/// The domain that a device's driver would leave alone; null: there is none, or one that does not translate.
Ptr<IommuDomain> paging_domain_of(LinuxBoot& boot, Device& dev) {
    const Ptr<IommuDomain> domain = boot.iommu().iommu_get_domain_for_dev(dev, "TGH7");
    const bool identity = domain && domain->type == DomainType::identity;
    return identity && boot.kernel().variant.release >= kReleaseIdentityIsNone ? Ptr<IommuDomain>{} : domain;
}

/// One host with what is below it.
struct Host1x {
    Host1x(LinuxBoot& boot, NodeIndex at) : node(at), own(boot), shared(boot) {}
    struct Client {
        Device* dev;
        bool attached = false, running = false;
    };
    NodeIndex node;
    Device* dev = nullptr;  ///< while it is bound
    bool translated = false;
    OwnDomain own, shared;
    std::vector<Client> clients;  ///< in the order in which they were bound
    bool up = false;
};

/// The hosts of a board, for both drivers.
class Hosts {
public:
    explicit Hosts(LinuxBoot& the_boot) : boot(the_boot) {
        for (std::size_t i = 0; i < boot.description().nodes.size(); ++i) {
            const auto at = static_cast<NodeIndex>(i);
            if (boot.description().nodes[i].available && !host_soc(boot.description().nodes[i]).empty())
                hosts_.emplace(at, Host1x(boot, at));
        }
    }

    bool empty() const { return hosts_.empty(); }
    Host1x* at(NodeIndex node) {
        const auto found = hosts_.find(node);
        return found != hosts_.end() ? &found->second : nullptr;
    }
    /// The host above a node.
    Host1x* above(NodeIndex node) {
        for (std::optional<NodeIndex> up = boot.description().node(node).parent; up;
             up = boot.description().node(*up).parent) {
            if (Host1x* const host = at(*up)) return host;
        }
        return nullptr;
    }
    /// host1x_drm_probe: once the host and all engines below it are bound.
    void bring_up(Host1x& host);
    void take_down(Host1x& host);

    LinuxBoot& boot;

private:
    std::size_t engines_below(NodeIndex node) const {
        std::size_t count = 0;
        for (const NodeIndex child : boot.description().node(node).children) {
            const Node& below = boot.description().node(child);
            if (!below.available) continue;
            if (below.has_iommus && is_engine(below)) ++count;
            count += engines_below(child);
        }
        return count;
    }
    bool host1x_drm_wants_iommu(const Host1x& host) const {
        const unsigned bits = host_bits(host_soc(boot.description().node(host.node)));
        return host.translated || bits <= kBits32;
    }
    int host1x_client_iommu_attach(Host1x& host, Host1x::Client& client);

    std::map<NodeIndex, Host1x> hosts_;
};

int Hosts::host1x_client_iommu_attach(Host1x& host, Host1x::Client& client) {
    Frame frame{boot.kernel(), "host1x_client_iommu_attach"};
    const Ptr<IommuDomain> domain = paging_domain_of(boot, *client.dev);
    if (domain && (!host.shared.made() || domain != host.shared.get())) return 0;
    if (!host.shared.made()) {
        if (!host1x_drm_wants_iommu(host)) return 0;
        const int err = host.shared.make(*client.dev, host_bits(host_soc(boot.description().node(host.node))));
        if (err != 0) return err;
    }
    const int err = host.shared.attach(*client.dev);
    client.attached = err == 0;
    return err;
}

void Hosts::bring_up(Host1x& host) {
    if (host.up || host.dev == nullptr || host.clients.empty() || host.clients.size() < engines_below(host.node))
        return;
    Frame frame{boot.kernel(), "host1x_drm_probe"};
    host.up = true;
    for (Host1x::Client& client : host.clients) {
        if (const int err = host1x_client_iommu_attach(host, client); err != 0) {
            boot.kernel().console.err(client.dev->prefix(), "failed to attach to domain: {}", err);
            continue;
        }
        client.running = boot.state().client_probe(*client.dev) == 0;
    }
}

void Hosts::take_down(Host1x& host) {
    if (!host.up) return;
    host.up = false;
    for (auto client = host.clients.rbegin(); client != host.clients.rend(); ++client) {
        if (client->running) boot.state().client_remove(*client->dev);
    }
    // Behind the last of them: the first of a group takes the others' domain away.
    for (auto client = host.clients.rbegin(); client != host.clients.rend(); ++client) {
        if (client->attached) host.shared.detach(*client->dev);
        client->running = client->attached = false;
    }
    host.shared.release();
}

class TegraHost1x final : public Driver {
public:
    TegraHost1x(BusType& platform, std::shared_ptr<Hosts> hosts)
        : Driver("tegra-host1x", platform), hosts_(std::move(hosts)), boot_(hosts_->boot) {}

    bool match(const Device& device) const override { return device.of_node && hosts_->at(*device.of_node) != nullptr; }
    int probe(Device& dev) override {
        Host1x& host = *hosts_->at(*dev.of_node);
        int err = host1x_iommu_attach(host, dev);
        if (err != 0) {
            boot_.kernel().console.err(dev.prefix(), "failed to attach to IOMMU: {}", err);
            return err;
        }
        err = boot_.state().client_probe(dev);
        if (err != 0) {
            release(host, dev);
            return err;
        }
        host.dev = &dev;
        if (boot_.state().has_hidden_consumers(*dev.of_node)) boot_.of().of_platform_populate(dev, true);
        hosts_->bring_up(host);
        return 0;
    }
    void remove(Device& dev) override {
        Host1x& host = *hosts_->at(*dev.of_node);
        hosts_->take_down(host);
        boot_.state().client_remove(dev);
        host.dev = nullptr;
        release(host, dev);
    }

private:
    // -ENODEV: it is behind no IOMMU, and goes untranslated.
    int host1x_iommu_attach(Host1x& host, Device& dev) {
        Frame frame{boot_.kernel(), "host1x_iommu_attach"};
        const std::string_view soc = host_soc(boot_.description().node(host.node));
        host.translated = static_cast<bool>(paging_domain_of(boot_, dev));
        // Of hosts of 32 bits the firewall watches the commands (Linux's default), and needs no IOMMU.
        if (host.translated || host_bits(soc) <= kBits32) return 0;
        if (const Ptr<IommuGroup> group = boot_.iommu().iommu_group_get(dev, "TGH8")) {
            boot_.iommu().iommu_group_put(group, "TGH8");
        } else {
            return 0;
        }
        int err = host.own.make(dev, host_bits(soc));
        if (err == 0) err = host.own.attach(dev);
        if (err != 0) host.own.release();
        host.translated = err == 0;
        return err == -kENODEV ? 0 : err;
    }
    void release(Host1x& host, Device& dev) {
        host.translated = false;
        if (!host.own.made()) return;
        host.own.detach(dev);
        host.own.release();
    }

    std::shared_ptr<Hosts> hosts_;
    LinuxBoot& boot_;
};

class TegraDrm final : public Driver {
public:
    TegraDrm(BusType& platform, std::shared_ptr<Hosts> hosts)
        : Driver("tegra-drm", platform), hosts_(std::move(hosts)), boot_(hosts_->boot) {}

    bool match(const Device& device) const override {
        if (!device.of_node) return false;
        const Node& node = boot_.description().node(*device.of_node);
        return node.has_iommus && is_engine(node) && hosts_->above(*device.of_node) != nullptr;
    }
    int probe(Device& dev) override {
        Host1x& host = *hosts_->above(*dev.of_node);
        host.clients.push_back({&dev});
        hosts_->bring_up(host);
        return 0;
    }
    void remove(Device& dev) override {
        Host1x& host = *hosts_->above(*dev.of_node);
        hosts_->take_down(host);
        host.clients.erase(std::remove_if(host.clients.begin(), host.clients.end(),
                                          [&](const Host1x::Client& one) { return one.dev == &dev; }),
                           host.clients.end());
    }

private:
    std::shared_ptr<Hosts> hosts_;
    LinuxBoot& boot_;
};

}  // namespace

std::vector<KnownDriver> make_tegra_clients(LinuxBoot& boot) {
    std::vector<KnownDriver> all;
    if (boot.of().arch().row().mapped == ArchRow::Mapped::own_mapping) return all;
    const auto hosts = std::make_shared<Hosts>(boot);
    if (hosts->empty()) return all;
    BusType& platform = boot.state().platform;
    all.push_back({std::make_unique<TegraHost1x>(platform, hosts), DriverLevel::module, std::string(kHostModule)});
    all.push_back({std::make_unique<TegraDrm>(platform, hosts), DriverLevel::module, std::string(kDrmModule)});
    return all;
}

}  // namespace xlate::kernel
