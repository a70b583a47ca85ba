#include "kernel-model/clients/client_dma.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "kernel-model/clients/client_ring.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/drivers/message_domain.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {
namespace {

/// per_transfer: buffers start at cache lines, and there are at most so many of them.
constexpr std::uint64_t kBufferAlignment = 64;
constexpr std::uint64_t kMaxBuffers = 4096;
/// A driver that hears nothing looks by itself then.
constexpr SimTime kWatchdog = ms(1);

}  // namespace

struct ClientDma::Worker {
    struct Transfer {
        Iova iova;
        std::uint64_t buffer;
        bool ok;
    };
    Worker(Kernel& kernel, unsigned on_cpu, std::uint32_t most)
        : cpu(on_cpu), share(most), completed_queue(kernel, "client transfers") {}
    const unsigned cpu;
    const std::uint32_t share;  // transfers under way at once
    std::uint32_t in_flight = 0;
    std::vector<Transfer> completed;  // not unmapped yet
    WaitQueue completed_queue;
    bool message_sent = false;  // and not arrived
    Task* task = nullptr;
};

struct ClientDma::Client {
    struct Chunk {
        std::vector<DmaSegment> memory;
        std::vector<DmaBuffer> mapped;  // empty: taken away
        std::optional<DmaIommu::Coherent> coherent;
    };
    Client(Device& device, const TrafficPlan& traffic)
        : dev(device),
          plan(traffic),
          random(traffic.seed, "client." + device.name),
          pages_lock(device.k, "client->pages_lock", device.name) {}
    Device& dev;
    const TrafficPlan plan;
    ClientStats stats;
    Rng random;
    bool stopping = false;
    bool powered = false;                  // holds a use of its device
    std::optional<std::uint64_t> message;  // where it writes to tell of what is done
    Task* starter = nullptr;
    std::vector<Chunk> chunks;
    // on_demand
    Mutex pages_lock;  // the interrupt thread takes it: what the client has set up until then is there for it
    std::optional<DmaBuffer> reserved;
    std::map<std::uint64_t, PhysAddr> pages;  // by address
    // per_transfer
    std::vector<PhysAddr> free_buffers;  // newest last
    std::vector<PhysAddr> buffers;
    std::uint64_t buffer_bytes() const { return std::max(plan.buffer_bytes, plan.transfer_bytes); }
    std::uint64_t stride() const { return align_up(buffer_bytes(), kBufferAlignment); }
    std::uint64_t next_transfer = 0;
    std::vector<std::unique_ptr<Worker>> workers;
    std::unique_ptr<ClientRing> ring;
};

ClientDma::ClientDma(Kernel& kernel, DmaIommu& dma, const Mistakes& mistakes, RuntimePm* power,
                     const MessageDomain* messages)
    : kernel_(kernel), dma_(dma), mistakes_(mistakes), power_(power), messages_(messages) {}
ClientDma::~ClientDma() = default;

const ClientStats* ClientDma::stats(const std::string& device) const {
    const auto client = clients_.find(device);
    return client == clients_.end() ? nullptr : &client->second->stats;
}

std::vector<DmaBuffer> ClientDma::mapped(const std::string& device) const {
    std::vector<DmaBuffer> all;
    const auto client = clients_.find(device);
    if (client == clients_.end()) return all;
    for (const Client::Chunk& chunk : client->second->chunks) {
        all.insert(all.end(), chunk.mapped.begin(), chunk.mapped.end());
    }
    return all;
}

int ClientDma::probe(Device& dev, const TrafficPlan* plan) {
    if (plan == nullptr) return 0;
    Frame frame{kernel_, "client_probe"};
    const auto client = std::make_shared<Client>(dev, *plan);
    clients_[dev.name] = client;
    dev.dma_mask = low_mask(plan->dma_mask_bits);
    dev.coherent_dma_mask = dev.dma_mask;
    if (plan->start_delay.fs == 0) return start(client);
    client->starter = &kernel_.spawn("kworker/" + dev.name, kernel_.sched.current().cpu, [this, client] {
        kernel_.machine.sleep(client->plan.start_delay);
        if (!client->stopping) start(client);
    });
    return 0;
}

// virtio-mmio has no runtime PM (linux-findings.md, "Every family", 5): what is behind it is never asked to wake.
int ClientDma::power_on(Client& client) {
    const Driver* driver = client.dev.driver.peek();
    if (power_ == nullptr || (driver != nullptr && driver->name == "virtio-mmio")) return 0;
    client.powered = true;
    return power_->get_sync(client.dev);
}

int ClientDma::start(const std::shared_ptr<Client>& client) {
    if (const int err = power_on(*client); err != 0) return err;
    const bool has_tasks = client->plan.mapping == TrafficPlan::Mapping::per_transfer ||
                           client->plan.mapping == TrafficPlan::Mapping::ring;
    if (has_tasks && messages_ != nullptr && messages_->alloc && dynamic_cast<PciDevice*>(&client->dev) != nullptr)
        client->message = messages_->alloc(client->dev, kernel_.sched.current().cpu);
    if (client->plan.mapping == TrafficPlan::Mapping::per_transfer) return start_workers(client);
    if (client->plan.mapping == TrafficPlan::Mapping::ring) {
        client->ring =
            std::make_unique<ClientRing>(kernel_, dma_, client->dev, client->plan, client->stats, client->message);
        return client->ring->start();
    }
    const bool on_demand = client->plan.mapping == TrafficPlan::Mapping::on_demand;
    if (const int err = on_demand ? reserve_working_set(*client) : map_working_set(*client); err != 0) return err;
    DmaPlan plan;
    plan.buffers = mapped(client->dev.name);
    if (on_demand) plan.buffers = {*client->reserved};
    client->stats.running = true;
    kernel_.machine.start_master(client->dev.name, plan);
    if (client->plan.unmap_mid_traffic) schedule_unmap(client);
    return 0;
}

int ClientDma::reserve_working_set(Client& client) {
    const auto address = dma_.reserve(client.dev, client.plan.working_set_bytes);
    if (!address) {
        kernel_.console.err(client.dev.prefix(), "no IOMMU to map {} bytes on demand", client.plan.working_set_bytes);
        return -kENODEV;
    }
    client.pages_lock.lock("CP1");
    client.reserved = DmaBuffer{*address, client.plan.working_set_bytes};
    client.pages_lock.unlock("CP1");
    return 0;
}

bool ClientDma::page_request(Device& dev, Iova address, bool) {
    Frame frame{kernel_, "client_page_request"};
    const auto found = clients_.find(dev.name);
    if (found == clients_.end()) return false;
    Client& client = *found->second;
    client.pages_lock.lock("CP2");
    const bool there = !client.stopping && client.reserved && provide_page(client, address);
    client.pages_lock.unlock("CP2");
    return there;
}

/// pages_lock held.
bool ClientDma::provide_page(Client& client, Iova address) {
    const std::uint64_t page_bytes = dma_.pages().page_bytes();
    const std::uint64_t page = align_down(address.value, page_bytes);
    if (page - client.reserved->iova.value >= client.reserved->size) return false;
    if (client.pages.count(page) != 0) return true;  // both a read and a write have asked
    const auto memory = dma_.pages().alloc_zeroed(page_bytes);
    if (!memory) return false;
    if (dma_.populate(client.dev, Iova{page}, *memory, page_bytes) != 0) {
        dma_.pages().free(*memory, page_bytes);
        return false;
    }
    client.pages[page] = *memory;
    ++client.stats.mapped_buffers;
    return true;
}

int ClientDma::map_working_set(Client& client) {
    std::uint64_t left = client.plan.working_set_bytes;
    int err = 0;
    while (left > 0 && err == 0) {
        const std::uint64_t bytes = std::min(left, client.plan.chunk_bytes);
        err = map_chunk(client, bytes);
        left -= bytes;
    }
    if (err == 0) return 0;
    kernel_.console.err(client.dev.prefix(), "failed to map {} bytes for DMA", client.plan.working_set_bytes);
    for (std::size_t i = 0; i < client.chunks.size(); ++i) unmap_chunk(client, i);
    client.chunks.clear();
    return err;
}

int ClientDma::map_chunk(Client& client, std::uint64_t bytes) {
    Client::Chunk chunk;
    if (client.plan.coherent) {
        chunk.coherent = dma_.dma_alloc_coherent(client.dev, bytes);
        if (!chunk.coherent) return -kENOMEM;
        chunk.mapped.push_back({chunk.coherent->address, bytes});
    } else {
        const std::uint64_t page = dma_.pages().page_bytes();
        const std::uint64_t pieces =
            std::clamp<std::uint64_t>((bytes + page - 1) / page, 1, std::max(client.plan.segments_per_chunk, 1u));
        const std::uint64_t piece = std::min(pieces == 1 ? bytes : align_up((bytes + pieces - 1) / pieces, page),
                                             dma_.dma_max_mapping_size(client.dev));
        int err = 0;
        for (std::uint64_t left = bytes; left > 0 && err == 0;) {
            const std::uint64_t size = std::min(left, piece);
            const auto memory = dma_.alloc_buffer(client.dev, size);
            if (memory) {
                chunk.memory.push_back({*memory, size});
            } else {
                err = -kENOMEM;
            }
            left -= size;
        }
        if (err == 0) {
            chunk.mapped = dma_.dma_map_sg(client.dev, chunk.memory, DmaDirection::bidirectional);
            if (chunk.mapped.empty()) err = -kEIO;
        }
        if (err != 0) {
            for (const DmaSegment& segment : chunk.memory) dma_.pages().free(segment.address, segment.size);
            return err;
        }
    }
    client.stats.mapped_buffers += chunk.mapped.size();
    client.chunks.push_back(std::move(chunk));
    return 0;
}

void ClientDma::unmap_chunk(Client& client, std::size_t index) {
    Client::Chunk& chunk = client.chunks[index];
    if (chunk.mapped.empty()) return;
    const std::vector<DmaBuffer> mapped = std::move(chunk.mapped);
    chunk.mapped.clear();
    if (chunk.coherent) {
        dma_.dma_free_coherent(client.dev, *chunk.coherent);
        return;
    }
    const bool free_first = mistakes_.has(Mistake::page_freed_while_mapped);
    if (!free_first) dma_.dma_unmap_sg(client.dev, mapped);
    for (const DmaSegment& segment : chunk.memory) dma_.pages().free(segment.address, segment.size);
    if (free_first) dma_.dma_unmap_sg(client.dev, mapped);
}

void ClientDma::schedule_unmap(const std::shared_ptr<Client>& client) {
    const unsigned cpu = kernel_.sched.current().cpu;
    kernel_.machine.set_timer(client->plan.unmap_mid_traffic->after, [this, client, cpu] {
        if (client->stopping) return;
        kernel_.spawn("kworker/unmap", cpu, [this, client] {
            if (client->stopping || client->chunks.empty()) return;
            const std::size_t chunk =
                std::min<std::size_t>(client->plan.unmap_mid_traffic->chunk, client->chunks.size() - 1);
            client->stats.unmapped_mid_traffic =
                UnmappedMidTraffic{kernel_.machine.now(), chunk, client->chunks.size()};
            unmap_chunk(*client, chunk);
        });
    });
}

int ClientDma::start_workers(const std::shared_ptr<Client>& client) {
    const TrafficPlan& plan = client->plan;
    if (plan.transfers == 0) return 0;
    const std::uint64_t stride = client->stride();
    const std::uint64_t most = std::max<std::uint64_t>(plan.outstanding, 1);
    const std::uint64_t wanted = std::clamp(plan.working_set_bytes / stride, most, std::max(most, kMaxBuffers));
    for (std::uint64_t i = 0; i < wanted;) {
        const std::uint64_t run = std::max<std::uint64_t>(1, dma_.pages().page_bytes() / stride);
        const auto memory = dma_.alloc_buffer(client->dev, stride * run);
        if (!memory) return -kENOMEM;
        client->buffers.push_back(*memory);
        for (std::uint64_t j = 0; j < run && i < wanted; ++j, ++i) {
            client->free_buffers.push_back(*memory + j * stride);
        }
    }
    client->stats.running = true;
    const auto tasks = static_cast<std::uint32_t>(std::max<std::size_t>(plan.cpus.size(), 1));
    for (std::uint32_t i = 0; i < tasks; ++i) {
        const auto share = static_cast<std::uint32_t>(most / tasks + (i < most % tasks ? 1 : 0));
        if (share == 0) continue;
        const unsigned cpu = plan.cpus.empty() ? kernel_.sched.current().cpu : plan.cpus[i];
        client->workers.push_back(std::make_unique<Worker>(kernel_, cpu, share));
        Worker& worker = *client->workers.back();
        worker.task = &kernel_.spawn(fmt::format("dma/{}:{}", client->dev.name, i), cpu,
                                     [this, client, &worker] { work(*client, worker); });
    }
    return 0;
}

std::optional<Iova> ClientDma::map_buffer(Client& client, PhysAddr buffer, DmaDirection direction) {
    const std::uint64_t bytes = client.buffer_bytes();
    if (client.plan.segments_per_chunk <= 1) return dma_.dma_map_single(client.dev, buffer, bytes, direction);
    const std::uint64_t page = dma_.pages().page_bytes();
    const std::uint64_t piece =
        align_up((bytes + client.plan.segments_per_chunk - 1) / client.plan.segments_per_chunk, page);
    std::vector<DmaSegment> pieces;
    for (std::uint64_t at = 0; at < bytes; at += piece) pieces.push_back({buffer + at, std::min(piece, bytes - at)});
    const std::vector<DmaBuffer> mapped = dma_.dma_map_sg(client.dev, pieces, direction);
    if (mapped.empty()) return std::nullopt;
    return mapped.front().iova;
}

// Unmaps what the device has finished with.
void ClientDma::reap(Client& client, Worker& worker) {
    while (!worker.completed.empty()) {
        const Worker::Transfer transfer = worker.completed.front();
        worker.completed.erase(worker.completed.begin());
        --worker.in_flight;
        ++(transfer.ok ? client.stats.completed : client.stats.failed);
        dma_.dma_unmap_single(client.dev, transfer.iova, client.buffer_bytes());
        client.free_buffers.push_back(PhysAddr{transfer.buffer});
    }
}

/// Host side: the device tells of what is done. One message at a time: what comes meanwhile is there when it arrives.
void ClientDma::tell(Client& client, Worker& worker) {
    if (!client.message) {
        worker.completed_queue.wake_up("CLI1");
        return;
    }
    if (worker.message_sent) return;
    worker.message_sent = true;
    kernel_.machine.send_message(client.dev.name, Iova{*client.message}, [this, &worker](bool ok) {
        const auto arrive = [&worker] {
            worker.message_sent = false;
            worker.completed_queue.wake_up("CLI1");
        };
        if (ok) {
            arrive();
        } else {
            kernel_.machine.set_timer(kWatchdog, arrive);
        }
    });
}

void ClientDma::work(Client& client, Worker& worker) {
    Frame frame{kernel_, "client_transfer_loop"};
    const TrafficPlan& plan = client.plan;
    while (!client.stopping && !plan.over(client.next_transfer)) {
        ++client.next_transfer;
        const bool write = !client.random.chance(plan.read_numerator, plan.read_denominator);
        const PhysAddr buffer = client.free_buffers.back();
        client.free_buffers.pop_back();
        const auto iova = map_buffer(client, buffer, write ? DmaDirection::from_device : DmaDirection::to_device);
        if (!iova) {
            ++client.stats.map_failures;
            client.free_buffers.push_back(buffer);
            continue;
        }
        ++client.stats.started;
        ++worker.in_flight;
        kernel_.machine.submit_dma(client.dev.name, *iova, plan.transfer_bytes, write,
                                   [this, &client, &worker, address = *iova, buffer](bool ok) {
                                       worker.completed.push_back({address, buffer.value, ok});
                                       tell(client, worker);
                                   });
        reap(client, worker);
        if (worker.in_flight < worker.share) continue;
        worker.completed_queue.wait_event("CLI2", [&worker] { return !worker.completed.empty(); });
        reap(client, worker);
    }
    while (worker.in_flight > 0) {
        worker.completed_queue.wait_event("CLI3", [&worker] { return !worker.completed.empty(); });
        reap(client, worker);
    }
    worker.completed_queue.wait_event("CLI6", [&worker] { return !worker.message_sent; });
    client.stats.running = client.stats.started != client.stats.completed + client.stats.failed;
}

void ClientDma::remove(Device& dev) {
    Frame frame{kernel_, "client_remove"};
    const auto found = clients_.find(dev.name);
    if (found == clients_.end()) return;
    const std::shared_ptr<Client> client = found->second;
    client->stopping = true;
    if (client->starter != nullptr) kernel_.sched.join(*client->starter, "CLI4");
    for (const auto& worker : client->workers) kernel_.sched.join(*worker->task, "CLI5");
    if (client->ring != nullptr) client->ring->stop();
    for (std::size_t i = 0; i < client->chunks.size(); ++i) unmap_chunk(*client, i);
    if (client->reserved) {
        std::vector<Iova> populated;
        for (const auto& [page, memory] : client->pages) populated.push_back(Iova{page});
        dma_.release(dev, client->reserved->iova, client->reserved->size, populated);
        for (const auto& [page, memory] : client->pages) dma_.pages().free(memory, dma_.pages().page_bytes());
        client->pages.clear();
        client->reserved.reset();
    }
    const std::uint64_t stride = client->stride();
    const std::uint64_t run = std::max<std::uint64_t>(1, dma_.pages().page_bytes() / stride);
    for (const PhysAddr memory : client->buffers) dma_.pages().free(memory, stride * run);
    client->buffers.clear();
    client->free_buffers.clear();
    client->stats.running = false;
    if (client->powered) power_->put(dev);
    client->powered = false;
}

}  // namespace xlate::kernel
