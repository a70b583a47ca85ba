#include "soc/bus/memory.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "soc/bus/byte_access.hpp"

namespace xlate::soc {

Memory::Memory(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda,
               const MemoryParams& params, PhysicalMemory& bytes)
    : sc_core::sc_module(module_name),
      Component(name),
      port("port", *this, 0),
      agenda_(agenda),
      params_(params),
      bank_bytes_(std::uint64_t{params.interleave_bytes} * params.channels),
      bytes_(bytes),
      bank_free_(params.banks) {
    agenda_.add_component(*this);
    decide_.bind<&Memory::decide>(this);
}

std::size_t Memory::bank_of(std::uint64_t address) const {
    return static_cast<std::size_t>(address / bank_bytes_) & (params_.banks - 1);
}

bool Memory::ready(const Transaction& transaction) const {
    return bank_free_[bank_of(transaction.address())] <= agenda_.now();
}

bool Memory::on_request(unsigned, Transaction& transaction) {
    // One port: what comes in the same instant comes in the order that the interconnect decided.
    if (waiting_.empty() && channel_free_ <= agenda_.now() && ready(transaction)) {
        start(transaction);
        return true;
    }
    channel_.wait_begins(agenda_.now());
    waiting_.push_back(&transaction);
    if (!decide_.scheduled()) {
        agenda_.schedule(decide_, std::max(agenda_.now(), channel_free_), Phase::decide, *this);
    }
    return true;
}

/// How long an access keeps the channel.
SimTime Memory::transfer_time(std::uint32_t size) {
    if (params_.bandwidth_bytes_per_s == 0) return {};
    if (size != transfer_bytes_) {
        const std::uint64_t byte_seconds = size * kFsPerSecond;  // at most 4096 bytes: no overflow
        transfer_bytes_ = size;
        transfer_time_ = {(byte_seconds + params_.bandwidth_bytes_per_s - 1) / params_.bandwidth_bytes_per_s};
    }
    return transfer_time_;
}

SimTime Memory::reserve(SimTime arrives, std::uint64_t address, std::uint32_t size) {
    SimTime& bank_free = bank_free_[bank_of(address)];
    const SimTime start = channel_.reserve(agenda_.now(), std::max(arrives, bank_free), transfer_time(size));
    if (bank_free > arrives) {
        if (params_.bank_busy.fs != 0) {
            bank_waited_fs_ += (bank_free - arrives).fs;
        } else {
            channel_.count_wait(bank_free - arrives);  // behind the one before it of its bank
        }
    }
    bank_busy_fs_ += params_.bank_busy.fs;
    bank_free = start + params_.bank_busy;
    return start;
}

void Memory::start(Transaction& transaction) {
    const SimTime now = agenda_.now();
    if (params_.bandwidth_bytes_per_s != 0) {
        const SimTime length = transfer_time(transaction.size());
        channel_.count_busy(length);
        channel_free_ = now + length;
    }
    if (params_.bank_busy.fs != 0) {
        bank_busy_fs_ += params_.bank_busy.fs;
        bank_free_[bank_of(transaction.address())] = now + params_.bank_busy;
    }
    access(transaction);
    if (sink_ != nullptr && *sink_ != nullptr) trace_memory(*sink_, *this, transaction, now, now + params_.latency);
    transaction.step.bind(this, &Memory::finish);
    agenda_.schedule(transaction.step, now + params_.latency, Phase::arrive, *this);
}

void Memory::decide() {
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
        if (!ready(*waiting_[i])) continue;
        Transaction& chosen = *waiting_[i];
        waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
        channel_.wait_ends(agenda_.now());
        start(chosen);
        if (!waiting_.empty()) {
            agenda_.schedule(decide_, std::max(agenda_.now(), channel_free_), Phase::decide, *this);
        }
        return;
    }
    SimTime earliest = kTimeNever;
    for (const Transaction* transaction : waiting_) {
        earliest = std::min(earliest, bank_free_[bank_of(transaction->address())]);
    }
    // The channel is free, and all that wait do so for their banks.
    bank_waited_fs_ += (earliest - agenda_.now()).fs * waiting_.size();
    agenda_.schedule(decide_, earliest, Phase::decide, *this);
}

void Memory::add_uses(std::vector<ResourceUse>& all) const {
    const std::uint64_t waiting = channel_.waited_fs() + waiting_.size() * agenda_.now().fs;
    all.push_back(single(ResourceKind::memory, component_name(), "", channel_.busy_fs(), waiting));
    if (params_.bank_busy.fs == 0) return;
    const std::uint64_t full = bank_busy_fs_ / params_.banks;
    all.push_back(
        {ResourceKind::memory_banks, component_name(), "", params_.banks, bank_busy_fs_, full, bank_waited_fs_});
}

void Memory::access(Transaction& transaction) {
    transaction.set_response(tlm::TLM_OK_RESPONSE);
    if (!transaction.moves_data()) return;
    const PhysAddr address{transaction.address()};
    if (transaction.write()) {
        bytes_.write(address, transaction.payload().get_data_ptr(), transaction.size());
    } else {
        bytes_.read(address, transaction.payload().get_data_ptr(), transaction.size());
    }
}

void Memory::finish(void* owner, AgendaEntry& entry) {
    static_cast<Memory*>(owner)->port.respond(Transaction::of_step(entry));
}

unsigned Memory::on_debug(unsigned, tlm::tlm_generic_payload& payload) { return debug_access(bytes_, payload); }

}  // namespace xlate::soc
