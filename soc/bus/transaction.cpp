#include "soc/bus/transaction.hpp"

#include "base/bits.hpp"
#include "base/error.hpp"
#include "soc/measure/trace.hpp"

namespace xlate::soc {

tlm::tlm_extension_base* Transaction::clone() const {
    auto* copy = new Transaction;  // TLM owns what clone() returns
    copy->copy_from(*this);
    return copy;
}

void Transaction::copy_from(const tlm::tlm_extension_base& other) {
    const auto& from = static_cast<const Transaction&>(other);
    stream = from.stream;
    substream = from.substream;
    privileged = from.privileged;
    instruction = from.instruction;
    message = from.message;
    of_iommu = from.of_iommu;
    priority = from.priority;
    source_rank = from.source_rank;
    number = from.number;
    iova = from.iova;
    fault = from.fault;
    refused_by = from.refused_by;
    ledger = from.ledger;
}

Transaction& Transaction::of(tlm::tlm_generic_payload& payload) {
    Transaction* transaction = payload.get_extension<Transaction>();
    if (transaction == nullptr) {
        transaction = new Transaction;  // freed by the payload's memory manager, as auto extensions are
        transaction->payload_ = &payload;
        transaction->moves_data_ = payload.get_data_ptr() != nullptr;
        transaction->iova = payload.get_address();
        payload.set_auto_extension(transaction);
    }
    return *transaction;
}

std::optional<std::uint32_t> Transaction::word_written() const {
    if (!write() || size() != 4 || !moves_data_ || payload_->get_byte_enable_ptr() != nullptr) return std::nullopt;
    return static_cast<std::uint32_t>(load_le(payload_->get_data_ptr(), 4));
}

void Transaction::replace_word(std::uint32_t word) {
    store_le(replacement_.data(), 4, word);
    given_ = payload_->get_data_ptr();
    payload_->set_data_ptr(replacement_.data());
}

void Transaction::give_back_word() {
    payload_->set_data_ptr(given_);
    given_ = nullptr;
}

void Transaction::push_route(std::uint16_t port) {
    XLATE_CHECK(hops_ < kMaxHops, std::to_string(hops_));
    route_[hops_++] = port;
}

std::uint16_t Transaction::pop_route() {
    XLATE_CHECK(hops_ > 0, "a response without a request");
    return route_[--hops_];
}

void Transaction::reset() {
    stream = StreamId{};
    substream.reset();
    privileged = false;
    instruction = false;
    message = false;
    of_iommu = false;
    priority = 0;
    source_rank = 0;
    number = 0;
    iova = 0;
    fault = 0;
    ats = {};
    refused_by = nullptr;
    next = nullptr;
    since = {};
    holder_data = nullptr;
    moves_data_ = false;
    given_ = nullptr;
    hops_ = 0;
}

/// Extensions are their owners': those of what is still under way may be gone by now.
TransactionPool::~TransactionPool() {
    const unsigned extensions = tlm::max_num_extensions();
    for (const auto& pair : all_) {
        for (unsigned i = 0; i < extensions; ++i) pair->payload.set_extension(i, nullptr);
    }
}

Transaction& TransactionPool::take(tlm::tlm_command command, PhysAddr address, std::uint32_t size, bool moves_data) {
    if (free_ == nullptr) {
        all_.push_back(std::make_unique<Pair>(*this));
        Pair& pair = *all_.back();
        pair.transaction.payload_ = &pair.payload;
        pair.payload.set_extension(&pair.transaction);
        free_ = &pair.transaction;
    }
    Transaction& transaction = *free_;
    free_ = transaction.next;
    ++outstanding_;
    transaction.reset();
    transaction.moves_data_ = moves_data;
    tlm::tlm_generic_payload& payload = *transaction.payload_;
    payload.acquire();
    payload.set_command(command);
    payload.set_address(address.value);
    payload.set_data_length(size);
    payload.set_streaming_width(size);
    payload.set_byte_enable_ptr(nullptr);
    payload.set_byte_enable_length(0);
    payload.set_dmi_allowed(false);
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    if (!moves_data) {
        if (scratch_.size() < size) scratch_.resize(size);
        payload.set_data_ptr(scratch_.data());
    } else if (size <= Transaction::kInlineBytes) {
        payload.set_data_ptr(transaction.inline_data_.data());
    } else {
        if (transaction.large_data_.size() < size) transaction.large_data_.resize(size);
        payload.set_data_ptr(transaction.large_data_.data());
    }
    transaction.iova = address.value;
    return transaction;
}

Transaction& TransactionPool::lend(const tlm::tlm_generic_payload& whole, PhysAddr address, std::uint32_t offset,
                                   std::uint32_t size, bool moves_data) {
    Transaction& transaction = take(whole.get_command(), address, size, false);
    transaction.moves_data_ = moves_data;
    transaction.payload_->set_data_ptr(whole.get_data_ptr() + offset);
    return transaction;
}

void TransactionPool::give_back(Transaction& transaction) { transaction.payload_->release(); }

void TransactionPool::free(tlm::tlm_generic_payload* payload) {
    auto& transaction = *payload->get_extension<Transaction>();
    XLATE_CHECK(!transaction.step.scheduled(), "a transaction was given back while something is to happen to it");
    XLATE_CHECK(outstanding_ > 0, "more transactions came back than went out");
    --outstanding_;
    transaction.next = free_;
    free_ = &transaction;
}

void trace_memory(TraceSink* sink, const Component& channel, const Transaction& transaction, SimTime start,
                  SimTime end) {
    if (sink == nullptr || !sink->steps) return;
    TraceStep step;
    step.kind = TraceStep::Kind::memory;
    step.component = channel.component_name();
    step.what = transaction.write() ? "write" : "read";
    step.start = start;
    step.end = end;
    step.address = transaction.address();
    step.size = transaction.size();
    step.source = transaction.source_rank;
    step.number = transaction.number;
    sink->step(step);
}

}  // namespace xlate::soc
