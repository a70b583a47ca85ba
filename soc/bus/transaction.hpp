// One access on its way through the SoC: a TLM-2.0 generic payload with our extension, from a checked pool.
// The extension says who asks (stream, substream, privilege), carries the ledger, and lends each holder of the
// transaction an agenda entry and a queue link: so moving a transaction along allocates nothing.
#pragma once

#include <tlm>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "iommu/engine.hpp"
#include "soc/measure/ledger.hpp"
#include "soc/time/agenda.hpp"
#include "soc/time/component.hpp"

namespace xlate::soc {

/// The extension. One holder at a time: a call of nb_transport hands the transaction over.
class Transaction final : public tlm::tlm_extension<Transaction> {
public:
    tlm::tlm_extension_base* clone() const override;
    void copy_from(const tlm::tlm_extension_base& other) override;

    /// The extension of `payload`; one of our own is made for a foreign payload that has none.
    static Transaction& of(tlm::tlm_generic_payload& payload);
    /// The transaction whose `step` this is.
    static Transaction& of_step(AgendaEntry& entry) { return *static_cast<Step&>(entry).transaction; }

    // Who. Set by the initiator and by what stands between it and its IOMMU.
    StreamId stream{};
    std::optional<SubstreamId> substream;
    bool privileged = false;
    bool instruction = false;
    bool message = false;           ///< tells of an interrupt; an endpoint does not translate it itself
    bool of_iommu = false;          ///< an IOMMU's own: tables, queues, messages
    std::uint8_t priority = 0;      ///< at arbiters; higher goes first
    std::uint32_t source_rank = 0;  ///< of the component that made it: the last key of every arbitration
    std::uint64_t number = 0;       ///< the initiator's own count

    /// Address Translation Services. answer: where a translation request's answer goes; whoever asks owns it.
    struct Ats {
        iommu::AtsType type = iommu::AtsType::untranslated;
        bool no_write = false;    ///< a request for reading only
        bool generation = false;  ///< the ATC's own
        iommu::CachedTranslation* answer = nullptr;
    };
    Ats ats;

    // What came of it.
    std::uint64_t iova = 0;                   ///< address as the master sent it
    const std::string* refused_by = nullptr;  ///< the component that refused it, if that was not the bus
    std::uint16_t fault = 0;                  ///< the IOMMU's code; 0: none, or an error without a record
    Ledger ledger;

    // Lent to the current holder.
    struct Step : AgendaEntry {
        Transaction* transaction = nullptr;
    };
    Step step;
    Transaction* next = nullptr;
    SimTime since;                ///< when it came to the current holder
    void* holder_data = nullptr;  ///< for the initiator, until it ends

    /// Way back: each interconnect notes the port that the request came from.
    void push_route(std::uint16_t port);
    std::uint16_t pop_route();
    std::uint16_t last_route() const { return route_[hops_ - 1]; }

    tlm::tlm_generic_payload& payload() { return *payload_; }
    const tlm::tlm_generic_payload& payload() const { return *payload_; }
    bool write() const { return payload_->is_write(); }
    std::uint64_t address() const { return payload_->get_address(); }
    std::uint32_t size() const { return payload_->get_data_length(); }
    bool moves_data() const { return moves_data_; }
    bool ok() const { return payload_->is_response_ok(); }
    /// What a write of 4 bytes carries, as a message has it (little-endian); none: another access, or no data.
    std::optional<std::uint32_t> word_written() const;
    /// It carries this instead on the rest of its way. restore_word(): what its initiator gave it, if it was replaced.
    void replace_word(std::uint32_t word);
    void restore_word() {
        if (given_ != nullptr) give_back_word();
    }
    void set_response(tlm::tlm_response_status status) { payload_->set_response_status(status); }

    static constexpr std::size_t kInlineBytes = 64;
    static constexpr unsigned kMaxHops = 10;

    Transaction() { step.transaction = this; }

private:
    friend class TransactionPool;
    void reset();

    tlm::tlm_generic_payload* payload_ = nullptr;
    void give_back_word();

    bool moves_data_ = false;
    std::uint8_t* given_ = nullptr;  ///< its own bytes, while others are in their place
    std::array<std::uint8_t, 4> replacement_{};
    std::array<std::uint16_t, kMaxHops> route_{};
    unsigned hops_ = 0;
    std::array<std::uint8_t, kInlineBytes> inline_data_{};
    std::vector<std::uint8_t> large_data_;
};

class TraceSink;
/// An access in a memory channel: told to `sink`, if there is one and it asks for steps.
void trace_memory(TraceSink* sink, const Component& channel, const Transaction& transaction, SimTime start,
                  SimTime end);

/// Gives out transactions and takes them back; never shrinks. Everything that the next user must not see is cleared.
class TransactionPool final : public tlm::tlm_mm_interface {
public:
    TransactionPool() = default;
    ~TransactionPool() override;
    TransactionPool(const TransactionPool&) = delete;
    TransactionPool& operator=(const TransactionPool&) = delete;

    /// `moves_data`: give it bytes to carry; else its data pointer leads to scratch bytes that mean nothing.
    Transaction& take(tlm::tlm_command command, PhysAddr address, std::uint32_t size, bool moves_data);
    /// A part of a foreign access, which outlives it: carries the bytes of `whole` from `offset` on, if they mean
    /// anything (`moves_data`).
    Transaction& lend(const tlm::tlm_generic_payload& whole, PhysAddr address, std::uint32_t offset, std::uint32_t size,
                      bool moves_data);
    void give_back(Transaction& transaction);
    void free(tlm::tlm_generic_payload* payload) override;

    /// 0 at the end of a run, or somebody lost one.
    std::size_t outstanding() const { return outstanding_; }
    std::size_t made() const { return all_.size(); }

private:
    struct Pair {
        explicit Pair(tlm::tlm_mm_interface& pool) : payload(&pool) {}
        tlm::tlm_generic_payload payload;
        Transaction transaction;
    };
    std::vector<std::unique_ptr<Pair>> all_;
    Transaction* free_ = nullptr;
    std::size_t outstanding_ = 0;
    std::vector<std::uint8_t> scratch_ = std::vector<std::uint8_t>(4096);  ///< stays where it is
};

}  // namespace xlate::soc
