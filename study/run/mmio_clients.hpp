// The clients of a run: what is behind virtio-mmio transports, if the config says it, and generic clients for all
// other devices.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kernel-model/clients/virtio_rng.hpp"
#include "kernel-model/system.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

/// A transport that `soc.virtio_mmio` does not name is empty: Linux's driver declines it (-ENODEV). A virtio-rng with
/// access_platform maps its queue and a buffer as Linux's driver does; others are generic clients.
/// Outlives the boot.
class MmioClients final : public kernel::ClientDriver {
public:
    /// `system` outlives it, and gets the client and the driver of the virtio bus.
    MmioClients(const Config& config, const firmware::Description& description, kernel::Kernel& kernel,
                kernel::KernelSystem& system);

    int probe(kernel::Device& dev, const kernel::TrafficPlan* plan) override;
    void remove(kernel::Device& dev) override;

    /// The random number generators' traffic, over their queues: of those that have traffic and a queue.
    void start_masters(const kernel::LinuxBoot& boot);
    /// IOMMUs of such a generator that nothing had powered when its traffic began.
    std::vector<std::string> unpowered_at_start(const std::string& device) const;
    bool any() const { return rng_ != nullptr; }
    const kernel::VirtioRng* rng() const { return rng_.get(); }

private:
    bool is_transport(const kernel::Device& dev) const;

    const firmware::Description& description_;
    kernel::Kernel& kernel_;
    kernel::ClientDriver& others_;
    const kernel::RuntimePm& power_;
    std::map<std::string, std::vector<std::string>> unpowered_;  ///< by the consumer's name
    std::set<std::string> populated_;
    std::set<std::string> rng_slots_;
    std::unique_ptr<kernel::VirtioRng> rng_;
};

/// Linux names of the transports of `soc.virtio_mmio` with a virtio-rng whose driver maps through the DMA API.
std::vector<std::string> rng_transports(const Config& config);

}  // namespace xlate::study
