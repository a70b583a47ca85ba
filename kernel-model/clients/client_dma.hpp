// What a bound client driver does with DMA: maps buffers once and starts its master, or maps, transfers and unmaps for
// each transfer, in tasks of its own; or maps each page when the device asks for it; or keeps rings filled ahead
// (client_ring.hpp).
// Not modelled: the device's protocol (queues, doorbells); a transfer is one submit_dma().
// Source: ours, after what nvme and network drivers do; dma/traffic_plan.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel-model/boot.hpp"
#include "kernel-model/dma/dma_iommu.hpp"
#include "kernel-model/dma/traffic_plan.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"
#include "kernel-model/drivers/mistakes.hpp"

namespace xlate::kernel {

struct MessageDomain;

/// Of one device. Law: started = completed + failed + in flight.
/// TrafficPlan::Unmap, done.
struct UnmappedMidTraffic {
    SimTime at{};
    std::size_t chunk = 0;   ///< that was unmapped: the last one, if the plan names one that is not there
    std::size_t chunks = 0;  ///< mapped then
};

struct ClientStats {
    std::uint64_t mapped_buffers = 0;  ///< once; on_demand: pages
    std::uint64_t started = 0;         ///< per_transfer, ring
    std::uint64_t completed = 0;
    std::uint64_t failed = 0;        ///< the device saw an error
    std::uint64_t map_failures = 0;  ///< no transfer came of it
    std::optional<UnmappedMidTraffic> unmapped_mid_traffic{};
    bool running = false;
};

/// One for a kernel. Outlives the boot.
class ClientDma final : public ClientDriver {
public:
    /// `power`: a client is in use, and its IOMMU powered, from its start to its removal; nullptr: everything is
    /// powered. `messages`: a PCI device that is mapped around its transfers, or has rings, tells of their end by its
    /// message, if it is given one; else its tasks know at once. Both outlive it.
    ClientDma(Kernel& kernel, DmaIommu& dma, const Mistakes& mistakes = {}, RuntimePm* power = nullptr,
              const MessageDomain* messages = nullptr);
    ~ClientDma() override;

    /// 0; -ENOMEM if a buffer cannot be had, -EIO if it cannot be mapped. A plan with a start delay cannot fail here.
    int probe(Device& dev, const TrafficPlan* plan) override;
    void remove(Device& dev) override;

    /// on_demand: the device asks for the page at `address`. False: nothing of ours is there.
    bool page_request(Device& dev, Iova address, bool write);

    /// nullptr: no traffic was ever asked of this device.
    const ClientStats* stats(const std::string& device) const;
    /// What is mapped once for a device at the moment, in order of mapping.
    std::vector<DmaBuffer> mapped(const std::string& device) const;

private:
    struct Client;
    struct Worker;

    int start(const std::shared_ptr<Client>& client);
    int power_on(Client& client);
    int reserve_working_set(Client& client);
    bool provide_page(Client& client, Iova address);
    int map_working_set(Client& client);
    int map_chunk(Client& client, std::uint64_t bytes);
    void unmap_chunk(Client& client, std::size_t chunk);
    void schedule_unmap(const std::shared_ptr<Client>& client);
    int start_workers(const std::shared_ptr<Client>& client);
    void work(Client& client, Worker& worker);
    std::optional<Iova> map_buffer(Client& client, PhysAddr buffer, DmaDirection direction);
    void reap(Client& client, Worker& worker);
    void tell(Client& client, Worker& worker);

    Kernel& kernel_;
    DmaIommu& dma_;
    const Mistakes mistakes_;
    RuntimePm* const power_;
    const MessageDomain* const messages_;
    std::map<std::string, std::shared_ptr<Client>> clients_;
};

}  // namespace xlate::kernel
