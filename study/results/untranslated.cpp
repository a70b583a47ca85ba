#include "study/results/untranslated.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "firmware/acpi/tables.hpp"
#include "firmware/acpi/x86_units.hpp"
#include "firmware/id_limits.hpp"
#include "firmware/id_path.hpp"
#include "firmware/pci_hosts.hpp"
#include "firmware/pci_iommus.hpp"
#include "kernel-model/boot_state.hpp"
#include "kernel-model/core/errno.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::IdPath;
using firmware::Node;
using firmware::NodeIndex;
using firmware::PathEnd;
using kernel::DeviceResult;

constexpr unsigned kFirstReleaseThatParsesEarly = 615;

class Reasons {
public:
    explicit Reasons(SeenBoot seen)
        : facts_(std::move(seen)), in_(facts_.boot.description()), devices_(facts_.boot.devices()) {
        with_traffic_.insert(facts_.with_traffic.begin(), facts_.with_traffic.end());
        for (const DeviceResult& device : devices_) {
            if (!device.path.empty()) of_path_[device.path] = &device;
        }
        for (const kernel::Event& event : facts_.kernel.events.events()) {
            if (event.kind == kernel::EventKind::iommu_probe_device && event.ret) {
                probes_[event.device] = *event.ret;
                if (event.caller == "iommu_bus_notifier")
                    only_notified_.insert(event.device);
                else
                    only_notified_.erase(event.device);
            }
            if (event.kind == kernel::EventKind::driver_probe && event.ret) binds_[event.device] = *event.ret;
        }
        for (std::size_t i = 0; i < in_.nodes.size(); ++i) {
            index_of_.emplace(in_.nodes[i].path, static_cast<NodeIndex>(i));
            for (const firmware::LegacyMaster& row : in_.nodes[i].mmu_masters) {
                if (row.master) legacy_.insert(*row.master);
            }
        }
    }

    std::vector<Untranslated> all() {
        for (const DeviceResult& device : devices_) {
            if (device.group) {
                grouped(device);
                continue;
            }
            if (device.pci_host) {
                function(device);
            } else if (!device.path.empty()) {
                platform(device);
            }
        }
        for (const std::string& device : facts_.with_traffic) not_found(device);
        for (std::size_t i = 0; i < in_.nodes.size(); ++i) {
            const Node& node = in_.nodes[i];
            const auto at = static_cast<NodeIndex>(i);
            if (!node.reachable || !is_master(node, at) || of_path_.count(node.path) != 0) continue;
            if (node.iommu_map || node.viot_map) continue;  // of its functions
            const IdPath path = firmware::id_path(in_, at);
            if (path.end != PathEnd::behind) {
                add(node.path, node.path, std::string(name(path.end)), path.why);
            } else {
                add(node.path, node.path, "no-device", no_parent(node));
            }
        }
        return std::move(found_);
    }

private:
    void add(std::string device, std::string path, std::string kind, std::string why) {
        found_.push_back({std::move(device), std::move(path), std::move(kind), std::move(why)});
    }
    bool is_there(const std::string& name) const {
        return std::any_of(devices_.begin(), devices_.end(),
                           [&](const DeviceResult& device) { return device.name == name; });
    }
    /// A function with traffic that Linux's scan did not come by. Linux's pci_scan_slot() asks function 0 first.
    void not_found(const std::string& name) {
        constexpr std::size_t kLength = 12, kDot = 10;  // "0000:00:01.1"
        if (name.size() != kLength || name[kDot] != '.' || is_there(name)) return;
        if (facts_.kernel.reports.crashed()) return add(name, "", "crash", "the kernel crashed before it found it");
        const std::string slot = name.substr(0, kDot);
        const bool empty = name[kDot + 1] != '0' && !is_there(slot + ".0");
        add(name, "", "no-device",
            empty
                ? fmt::format("Linux does not find it: slot {} has no function 0, and looks empty", slot)
                : "Linux does not find it: what it is behind was not scanned (a slot without function 0 looks empty)");
    }
    bool is_master(const Node& node, NodeIndex at) const {
        return node.has_iommus || node.viot.has_value() || legacy_.count(at) != 0;
    }

    std::string no_parent(const Node& node) const {
        const std::string parent = node.parent ? in_.node(*node.parent).path : "/";
        return fmt::format("Linux made no device of it: no driver made devices of the children of {}", parent);
    }

    /// Its IOMMU's driver; nullptr: not registered.
    const kernel::IommuOps* ops_of(const DeviceResult& iommu) const {
        for (const kernel::Ptr<kernel::IommuDevice> one : facts_.boot.state().iommu.registered()) {
            const kernel::Device* const dev = one.get()->dev.get();
            if (dev != nullptr && dev->name == iommu.name) return one.get()->ops.peek();
        }
        return nullptr;
    }

    /// By the driver's old function or by that of the series.
    static bool reads_entries(const kernel::IommuOps& ops) { return ops.has_of_xlate() || ops.has_of_xlate_fwspec(); }

    /// A driver may have an IOMMU whose registers are there and whose hardware is not; or make no domain by itself.
    void grouped(const DeviceResult& device) {
        const auto provider = std::find_if(devices_.begin(), devices_.end(),
                                           [&](const DeviceResult& one) { return one.name == device.iommu; });
        if (device.domain == kernel::DomainType::none && provider != devices_.end()) {
            const kernel::IommuOps* const ops = ops_of(*provider);
            return add(device.name, device.path, "no-domain",
                       fmt::format("it has a group without a domain: {}; its own driver attaches none",
                                   ops != nullptr && !reads_entries(*ops)
                                       ? fmt::format("{} has no of_xlate, and DMA goes past its IOMMU", ops->name)
                                       : "this kernel's driver of its IOMMU makes none"));
        }
        for (const DeviceResult& iommu : devices_) {
            if (iommu.name != device.iommu || iommu.path.empty() || facts_.modelled.count(iommu.path) != 0) continue;
            const auto at = index_of_.find(iommu.path);
            if (at == index_of_.end()) return;
            return add(device.name, device.path, "not-modelled",
                       fmt::format("it has a group, but the hardware of {} ({}) is not modelled: nothing is translated",
                                   iommu.path, firmware::iommu_kind(in_.node(at->second)).title));
        }
    }

    void platform(const DeviceResult& device) {
        const auto found = index_of_.find(device.path);
        if (found == index_of_.end()) return;
        const NodeIndex at = found->second;
        const Node& node = in_.node(at);
        const bool host_bridge = node.iommu_map || node.viot_map;
        if (!with_traffic(device) && (!is_master(node, at) || (host_bridge && !node.has_iommus))) return;
        explain(device, firmware::id_path(in_, at));
    }

    void function(const DeviceResult& device) {
        const Node& host = in_.node(*device.pci_host);
        const auto own = index_of_.find(device.path);
        if (own != index_of_.end() && firmware::is_pci_iommu(in_.node(own->second))) return;
        const bool idle = device.driver.empty() && device.state == "unbound" && device.requesters.size() == 1 &&
                          (device.requesters.front() & 0xff) == 0 && !with_traffic(device);
        if (idle || (!with_traffic(device) && !host.iommu_map && !host.viot_map && !host.has_iommus)) return;
        explain(device, firmware::id_path_of_function(in_, *device.pci_host, device.requesters));
    }

    bool with_traffic(const DeviceResult& device) const { return with_traffic_.count(device.name) != 0; }

    /// A unit that its driver did not register.
    std::string why_unused(const Node& provider, const kernel::IommuDriver& driver) const {
        const bool amd = firmware::iommu_kind(provider).family == "amd-vi";
        const kernel::KernelParameters::X86& given = facts_.boot.config().parameters.x86;
        std::string why;
        if (in_.tables && amd && in_.tables->ivrs) why = firmware::acpi::why_unused(*in_.tables->ivrs);
        if (in_.tables && !amd && in_.tables->dmar) why = firmware::acpi::why_unused(*in_.tables->dmar);
        if (!given.iommu || !(amd ? given.amd : given.intel)) {
            // Linux looks at a DMAR, whoever uses it; at an IVRS, only to use it.
            if (amd || why.empty()) return fmt::format("its driver {} was switched off", driver.name);
        }
        return why.empty() ? fmt::format("its driver {} left it alone, or found no memory", driver.name) : why;
    }

    /// Units of DMAR and IVRS are no devices: their driver knows what they cover.
    void left_by_table(const DeviceResult& device, const Node& provider, const kernel::IommuDriver& driver) {
        bool registered = false;
        for (const kernel::Ptr<kernel::IommuDevice> one : facts_.boot.state().iommu.registered()) {
            registered = registered || one.get()->sysfs_name == provider.linux_name;
        }
        if (!registered) {
            return add(device.name, device.path, "iommu-not-ready",
                       fmt::format("{} is not in use: {}", provider.linux_name, why_unused(provider, driver)));
        }
        std::string why;
        if (driver.turns_away != nullptr) {
            why = driver.turns_away(in_, device.name, device.pci_host.has_value(), facts_.kernel.variant.release);
        }
        add(device.name, device.path, "refused",
            why.empty() ? fmt::format("{} does not take it for one that {} covers", driver.name, provider.linux_name)
                        : std::move(why));
    }

    /// Of several IOMMUs that its entries name the first one that did not come.
    std::optional<NodeIndex> awaited(const DeviceResult& device) const {
        const auto own = index_of_.find(device.path);
        if (own == index_of_.end() || device.pci_host) return std::nullopt;
        for (const firmware::IommuEntry& entry : in_.node(own->second).iommus) {
            if (!entry.provider || !in_.node(*entry.provider).reachable) continue;
            const Node& provider = in_.node(*entry.provider);
            const DeviceResult* const iommu = device_of(provider);
            const bool there = iommu != nullptr && iommu->state == "bound" && facts_.modelled.count(provider.path) != 0;
            if (!there) return entry.provider;
        }
        return std::nullopt;
    }

    void explain(const DeviceResult& device, const IdPath& path) {
        if (path.end != PathEnd::behind) {
            // A provider that never appears leaves its masters waiting first.
            return add(device.name, device.path, std::string(name(path.end)), path.why);
        }
        const Node& provider = in_.node(awaited(device).value_or(*path.provider));
        const firmware::IommuKind& kind = firmware::iommu_kind(provider);
        if (facts_.modelled.count(provider.path) == 0) {
            const auto hosts = firmware::pci_hosts(in_);
            const bool function = !firmware::is_pci_iommu(provider) &&
                                  std::any_of(hosts.begin(), hosts.end(), [&](const firmware::PciHost& host) {
                                      return host.node == provider.parent;
                                  });
            if (function) {
                return add(device.name, device.path, "iommu-not-ready",
                           fmt::format("{} is a function of PCI whose ids Linux's driver {} does not have",
                                       provider.path, kind.driver));
            }
            return add(device.name, device.path, "not-modelled",
                       fmt::format("the hardware of {} ({}) is not modelled, so that Linux's driver {} never has it",
                                   provider.path, kind.title, kind.driver));
        }
        if (const kernel::IommuDriver* by_table = kernel::iommu_driver_of(provider);
            by_table != nullptr && by_table->home == kernel::DriverHome::initcall) {
            return left_by_table(device, provider, *by_table);
        }
        const DeviceResult* const iommu = device_of(provider);
        const std::string waits = iommu == nullptr ? fmt::format("{} has no device", provider.path) : state(*iommu);
        if (device.state == "deferred") {
            const bool supplier = device.deferred_reason.find("supplier") != std::string::npos;
            const std::string reason = device.deferred_reason.empty() ? "" : ": " + device.deferred_reason;
            return add(device.name, device.path, supplier ? "suppliers" : "deferred",
                       fmt::format("its probe is deferred (-517){}; its IOMMU: {}", reason, waits));
        }
        if (iommu == nullptr || iommu->state != "bound") {
            return add(device.name, device.path, "iommu-not-ready",
                       fmt::format("its IOMMU never became ready: {}", waits));
        }
        if (facts_.kernel.reports.crashed() && probes_.count(device.name) == 0) {
            return add(device.name, device.path, "crash", "the simulated kernel crashed before it was probed");
        }
        const kernel::IommuDriver* const driver = kernel::iommu_driver_of(provider);
        if (driver != nullptr && driver->turns_away != nullptr) {
            std::string why =
                driver->turns_away(in_, device.name, device.pci_host.has_value(), facts_.kernel.variant.release);
            if (!why.empty()) return add(device.name, device.path, "refused", std::move(why));
        }
        const kernel::IommuOps* const ops = ops_of(*iommu);
        if (ops != nullptr && !reads_entries(*ops)) {
            return add(
                device.name, device.path, "no-group",
                fmt::format("{} has no of_xlate: in this kernel nothing puts its clients into a group", ops->name));
        }
        const bool no_bind = device.driver.empty() && binds_.count(device.name) == 0;
        const bool early = facts_.kernel.variant.release >= kFirstReleaseThatParsesEarly;
        const auto probe = probes_.find(device.name);
        // What a kernel that parses at the first bind asks before has no entries yet: -ENODEV says nothing.
        const bool unasked = no_bind && !early && only_notified_.count(device.name) != 0;
        if (probe != probes_.end() && probe->second < 0 && !(unasked && probe->second == -kernel::kENODEV))
            return refused(device, path, *iommu, probe->second);
        if (const int error = facts_.boot.state().of.refusal_of(device.name); error == -kernel::kETIMEDOUT) {
            return add(device.name, device.path, "iommu-not-ready",
                       fmt::format("Linux no longer waited for its IOMMU {} ({}), which came later", iommu->name,
                                   error_text(error)));
        } else if (error != 0) {
            return refused(device, path, *iommu, error);
        }
        if (no_bind) {
            return add(device.name, device.path, "no-driver",
                       early ? "no driver binds to it"
                             : "no driver binds to it, and this kernel looks for a device's IOMMU when one does");
        }
        const auto bind = binds_.find(device.name);
        add(device.name, device.path, "no-group",
            bind != binds_.end() && bind->second != 0
                ? fmt::format("its driver's probe ended with {}", error_text(bind->second))
                : fmt::format("{} was there, but the probe function put it in no group", provider.path));
    }

    /// The IOMMU's driver turned it away.
    void refused(const DeviceResult& device, const IdPath& path, const DeviceResult& iommu, int error) {
        const std::string code = error_text(error);
        for (const firmware::StreamMatch& id : path.ids) {
            for (const DeviceResult& other : devices_) {
                if (other.iommu != iommu.name || !other.group || other.name == device.name) continue;
                const std::optional<std::uint32_t> theirs = rival_of(id, other, *path.provider);
                if (!theirs) continue;
                return add(device.name, device.path, "refused",
                           fmt::format("id {:#x} at {} belongs to {}{}, so that the driver refused it ({}){}", id.id,
                                       iommu.name, other.name,
                                       *theirs == id.id ? "" : fmt::format(" ({})", stream_text(*theirs)), code,
                                       folded(device, id.id)));
            }
        }
        std::string ids;
        for (const firmware::StreamMatch& id : path.ids) ids += fmt::format("{}{:#x}", ids.empty() ? "" : ", ", id.id);
        const char* const what = error == -kernel::kERANGE   ? "is beyond the ids that the IOMMU has"
                                 : error == -kernel::kENOSPC ? "found no free entry"
                                                             : "was refused";
        const Node& provider = in_.node(*path.provider);
        for (const firmware::StreamMatch& id : path.ids) {
            if (const auto why = firmware::refused_stream(provider, id))
                return add(device.name, device.path, "refused", fmt::format("at {}: {}", iommu.name, *why));
        }
        add(device.name, device.path, "refused",
            ids.empty() ? fmt::format("the driver of {} refused it ({})", iommu.name, code)
                        : fmt::format("id {} {} at {} ({})", ids, what, iommu.name, code));
    }

    /// An id of `other` that keeps `id` out: the same one, or of an SMMU with masks one that matches some of its ids
    /// and not all of them, which its driver would share. With the mask above the id, as the driver keeps both.
    std::optional<std::uint32_t> rival_of(const firmware::StreamMatch& id, const DeviceResult& other,
                                          firmware::NodeIndex provider) const {
        const bool masks = firmware::iommu_kind(in_.node(provider)).cells == firmware::IdCells::id_and_mask;
        for (const std::uint32_t one : other.ids) {
            const firmware::StreamMatch theirs{one & 0xffff, one >> 16};
            if (masks ? theirs.overlaps(id) && !theirs.covers(id) : one == id.id) return one;
        }
        return std::nullopt;
    }

    static std::string stream_text(std::uint32_t word) {
        return fmt::format("id {:#x}, mask {:#x}", word & 0xffff, word >> 16);
    }

    /// How a requester id became an id that is another's.
    std::string folded(const DeviceResult& device, std::uint32_t id) const {
        if (!device.pci_host) return {};
        const Node& host = in_.node(*device.pci_host);
        if (!host.iommu_map) return {};
        const std::uint32_t mask = host.iommu_map->mask.value_or(~std::uint32_t{0});
        for (const std::uint32_t requester : device.requesters) {
            if ((requester & ~mask) == 0) continue;
            const firmware::MapLookup found = in_.map_id(*device.pci_host, requester);
            if (found.result == firmware::MapResult::ok && found.id == id) {
                return fmt::format("; iommu-map-mask {:#x} folds its requester id {:#x} onto it", mask, requester);
            }
        }
        if (device.requesters.size() > 1 && device.requesters.front() != id)
            return "; a bridge above it answers for all that is behind it with that id";
        return {};
    }

    const DeviceResult* device_of(const Node& provider) const {
        const auto found = of_path_.find(provider.path);
        if (found != of_path_.end()) return found->second;
        for (const DeviceResult& device : devices_) {
            if (!provider.linux_name.empty() && device.name == provider.linux_name) return &device;
        }
        return nullptr;
    }

    std::string state(const DeviceResult& device) const {
        const auto bind = binds_.find(device.name);
        const std::string error =
            bind != binds_.end() && bind->second != 0 ? fmt::format(", last {}", error_text(bind->second)) : "";
        const std::string reason = device.deferred_reason.empty() ? "" : ", " + device.deferred_reason;
        return fmt::format("{} is {}{}{}", device.name, device.state, error, reason);
    }

    static std::string error_text(int error) {
        return fmt::format("-{}, {}", std::abs(error), kernel::errno_name(error));
    }

    const SeenBoot facts_;
    const Description& in_;
    const std::vector<DeviceResult> devices_;
    std::set<std::string> with_traffic_;              // names of devices
    std::map<std::string_view, NodeIndex> index_of_;  // by path; of several with one path the first
    std::map<std::string, const DeviceResult*> of_path_;
    std::map<std::string, int> probes_;    // last answer of iommu_probe_device
    std::set<std::string> only_notified_;  // whose last one was at the device's creation
    std::map<std::string, int> binds_;     // last answer of a driver's probe
    std::set<NodeIndex> legacy_;           // named in mmu-masters
    std::vector<Untranslated> found_;
};

}  // namespace

std::vector<Untranslated> untranslated_masters(SeenBoot seen) { return Reasons(std::move(seen)).all(); }

std::vector<Untranslated> untranslated_masters(const RunFacts& facts) {
    SeenBoot seen{facts.boot, facts.kernel, {}, {}};
    for (const soc::IommuStats& iommu : facts.soc.iommus) seen.modelled.insert(iommu.path);
    for (const soc::MasterStats& master : facts.soc.masters) seen.with_traffic.push_back(master.device);
    return untranslated_masters(std::move(seen));
}

}  // namespace xlate::study
