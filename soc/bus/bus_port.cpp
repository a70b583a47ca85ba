#include "soc/bus/bus_port.hpp"

#include <algorithm>

#include "base/bits.hpp"

namespace xlate::soc {

using iommu::AccessKind;

BusPort::BusPort(const std::string& name, Agenda& agenda, const Component& component, TransactionPool& pool,
                 TrafficOwner& owner, ClockPeriod clock, std::uint32_t width_bytes)
    : port(name, *this, 0),
      wire_(agenda, component, 1),
      clock_{width_bytes == 0 ? 0 : clock.fs},
      width_bytes_(width_bytes == 0 ? 1U << 31 : width_bytes),
      agenda_(agenda),
      component_(component),
      pool_(pool),
      owner_(owner) {}

void BusPort::access(BusClient& client, const iommu::MemoryAccess& access, Job::Next next) {
    client.access = &access;
    client.after_access = next;
    client.bus = this;
    wire_.enter(client, beats(access.size, access.kind == AccessKind::write), &BusPort::start_ahead);
}

void BusPort::plan_ahead(PlannedWay& way, const PhysicalMemory& bytes) {
    way_ = &way;
    bytes_ = &bytes;
    wire_.keep_calendars();
}

/// Reads of one that runs ahead are planned; everything else happens on the bus in its time.
void BusPort::start_ahead(Job& job) {
    if (!job.ahead) {
        start_access(job);
        return;
    }
    auto& client = static_cast<BusClient&>(job);
    BusPort& bus = *client.bus;
    if (client.at > bus.agenda_.now()) {
        client.come_back(bus.agenda_, bus.component_, &BusPort::start_ahead);
        return;
    }
    PlannedAccess access;
    access.now = bus.agenda_.now();
    access.at = client.time(bus.agenda_);
    access.address = client.access->address.value;
    access.size = client.access->size;
    if (client.access->kind != AccessKind::read || !bus.way_->plan(access)) {
        client.come_back(bus.agenda_, bus.component_, &BusPort::start_access);
        return;
    }
    bus.bytes_->prefetch(client.access->address);  // by then the host's caches have it
    client.at = access.at;
    client.come_back(bus.agenda_, bus.component_, &BusPort::planned_read_done);
}

void BusPort::planned_read_done(Job& job) {
    auto& client = static_cast<BusClient&>(job);
    client.reply.abort = false;
    client.bus->bytes_->read(client.access->address, client.reply.data.data(), client.access->size);
    client.after_access(client);
}

void BusPort::start_access(Job& job) {
    auto& client = static_cast<BusClient&>(job);
    BusPort& bus = *client.bus;
    const iommu::MemoryAccess& access = *client.access;
    const bool write = access.kind == AccessKind::write;
    Transaction& transaction =
        bus.pool_.take(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, access.address, access.size, true);
    if (write) std::copy_n(access.data.begin(), access.size, transaction.payload().get_data_ptr());
    transaction.of_iommu = true;
    transaction.source_rank = bus.component_.rank();
    transaction.number = bus.count_++;
    transaction.holder_data = &client;
    bus.send(transaction, kOwnAccess);
}

void BusPort::send(Transaction& transaction, std::uint16_t tag) {
    transaction.push_route(tag);
    put(transaction);
}

void BusPort::put(Transaction& transaction) {
    if (pending_.empty() && port.free()) {
        port.send(transaction);
    } else {
        pending_.push_back(&transaction);
    }
}

void BusPort::on_accepted(unsigned) {
    while (!pending_.empty() && port.free()) {
        Transaction& next = *pending_.front();
        pending_.pop_front();
        port.send(next);
    }
}

void BusPort::on_response(unsigned, Transaction& transaction) {
    const std::uint16_t tag = transaction.pop_route();
    if (tag != kOwnAccess) {
        owner_.returned(tag, transaction);
        return;
    }
    auto& client = *static_cast<BusClient*>(transaction.holder_data);
    client.reply.abort = !transaction.ok();
    if (!transaction.write() && transaction.ok()) {
        std::copy_n(transaction.payload().get_data_ptr(), transaction.size(), client.reply.data.begin());
        if (client.access->kind == AccessKind::compare_and_swap) finish_swap(client);
    }
    pool_.give_back(transaction);
    client.after_access(client);
}

/// The second half of an atomic access happens at memory, in the instant of the first as others see it.
void BusPort::finish_swap(BusClient& client) {
    const iommu::MemoryAccess& access = *client.access;
    std::uint8_t bytes[8] = {};
    tlm::tlm_generic_payload now;
    now.set_read();
    now.set_address(access.address.value);
    now.set_data_ptr(bytes);
    now.set_data_length(access.size);
    now.set_streaming_width(access.size);
    client.reply.abort = port.socket->transport_dbg(now) != access.size;
    std::copy_n(bytes, access.size, client.reply.data.begin());
    if (client.reply.abort || load_le(bytes, access.size) != access.expected) return;
    std::copy_n(access.data.begin(), access.size, bytes);
    now.set_write();
    port.socket->transport_dbg(now);
}

}  // namespace xlate::soc
