// A PCIe link and its root complex: many endpoints, one way up and one way back, each with a bandwidth and a latency.
// The links below root ports and below the downstream ports of switches are of the same kind (SocConfig::pcie_links):
// one hangs on another, or on the host bridge's, as an endpoint does; a switch passes whole packets.
// Hardware turns requester IDs into stream IDs here; the translation is fixed (topology.hpp).
// An endpoint may have an ATC (atc.hpp), which stands before the link; invalidations of it and their completions are
// packets on the link.
// Upwards, what waits goes by priority, then age, then name.
//   packets   an access has a header for each MPS of its data, and a read's request one for each MRRS of it; the pieces
//             follow one another on the link as one, and are answered as one
//   credits   of posted (writes) and non-posted requests (reads): held from the link until what is behind the root has
//             taken the access, or the link above has sent it on. Without one, reads do not pass writes that came
//             before them; writes pass reads
// Not modelled: traffic from one endpoint to another within a switch, the data link layer's packets, credits of
// completions (endpoints have enough).
#pragma once

#include <systemc>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "soc/bus/ports.hpp"
#include "soc/config.hpp"
#include "soc/measure/stats.hpp"
#include "soc/measure/usage.hpp"
#include "soc/pcie/atc.hpp"
#include "soc/time/agenda.hpp"

namespace xlate::soc {

class PcieRoot final : public sc_core::sc_module, public Component, public Target, public Initiator {
public:
    /// `endpoints`: names; `exit_of`: for each the exit that its transactions take; `exits`: how many there are.
    PcieRoot(const sc_core::sc_module_name& module_name, const std::string& name, Agenda& agenda,
             const PcieParams& params, const std::vector<std::string>& endpoints,
             const std::vector<std::size_t>& exit_of, std::size_t exits);

    /// What comes by this endpoint is another link's, `below`. Its exits are bound to endpoints of this one.
    void hang(std::size_t endpoint, PcieRoot& below);
    /// Counts from now on: of its way up.
    void keep_stats() { stats_.emplace(); }
    std::optional<LinkStats> stats() const { return stats_; }

    TargetPort& endpoint(std::size_t index) { return *endpoints_[index]; }
    InitiatorPort& exit(std::size_t index) { return exits_[index]->port; }

    /// Gives an endpoint an ATC, off at first.
    void add_atc(std::size_t endpoint, TransactionPool& pool, const std::string& name, const AtcParams& params,
                 std::uint64_t seed);
    Atc* atc(std::size_t endpoint) { return atcs_[endpoint].get(); }
    /// Who takes page requests of an endpoint when they have come up the link.
    void set_page_requests(std::size_t endpoint, Atc::AskPage take) { page_requests_[endpoint] = std::move(take); }
    /// The answer to one starts down the link.
    void answer_page(std::size_t endpoint, const iommu::PageResponse& response);
    /// An invalidation starts down the link; `done` is called when its completion has come up.
    void invalidate_atc(std::size_t endpoint, const iommu::Invalidation& invalidation, std::function<void()> done);

    void add_uses(std::vector<ResourceUse>& all) const;

private:
    struct Exit {
        Exit(const std::string& name, PcieRoot& owner, unsigned number) : port(name, owner, number) {}
        InitiatorPort port;
        std::deque<Transaction*> at_door;
        bool taking = false;       ///< the last one that was sent is not taken yet,
        bool takes_write = false;  ///< which is a write
    };

    struct Message : AgendaEntry {  ///< an invalidation, or a page request, on its way to an endpoint or back
        PcieRoot* root = nullptr;
        std::size_t endpoint = 0;
        enum class At : std::uint8_t { down, apply, up, page_up, page_down, passing_up, passing_down } at = At::down;
        iommu::Invalidation invalidation;
        iommu::PageRequest page;
        iommu::PageResponse answer;
        std::uint64_t payload_bytes = 0;  ///< passing_up
        std::function<void()> done;
    };
    Message& new_message(std::size_t endpoint);
    void ask_page(std::size_t endpoint, const iommu::PageRequest& request);
    void message_step(Message& message);
    void complete(Message& message);
    SimTime packet(std::uint64_t bytes) const;
    /// In turn with everything else in that direction: `link_free` is when its link has sent what came before.
    void send(Message& message, SimTime& link_free, std::uint64_t payload_bytes);
    /// Down the links above, and then this one.
    void start_down(Message& message, std::uint64_t payload_bytes);
    /// The same for a message of a link below: `done` when it has passed this one.
    void pass_down(std::uint64_t payload_bytes, std::function<void()> done);
    /// Up this link and those above.
    void pass_up(std::uint64_t payload_bytes, std::function<void()> done);
    void go_up(Transaction& transaction);

    bool on_request(unsigned port, Transaction& transaction) override;
    unsigned on_debug(unsigned port, tlm::tlm_generic_payload& payload) override;
    void on_response(unsigned port, Transaction& transaction) override;
    void on_accepted(unsigned port) override;

    SimTime on_wire(const Transaction& transaction, bool data, std::uint32_t largest) const;
    bool has_credits() const { return params_.posted_credits != 0 || params_.nonposted_credits != 0; }
    bool has_credit(bool write) const;
    void forward(Exit& exit, Transaction& transaction);
    void give_credit(bool write);
    /// The link above has sent on what it took from this one.
    void sent_on(bool write);
    void choose();
    static void arrived_up(void* owner, AgendaEntry& entry);
    static void arrived_down(void* owner, AgendaEntry& entry);

    Agenda& agenda_;
    const PcieParams params_;
    std::vector<std::unique_ptr<TargetPort>> endpoints_;
    std::vector<std::unique_ptr<Exit>> exits_;
    std::vector<std::size_t> exit_of_;
    std::vector<Transaction*> waiting_;
    std::uint32_t held_[2] = {0, 0};  ///< reads, writes: that hold a credit
    SimTime up_free_;
    SimTime down_free_;
    std::uint64_t up_busy_fs_ = 0, up_waited_fs_ = 0;  ///< see usage.hpp
    std::uint64_t down_busy_fs_ = 0, down_waited_fs_ = 0;
    PcieRoot* above_ = nullptr;     ///< the link that this one hangs on
    std::vector<PcieRoot*> below_;  ///< by endpoint; empty: none is a link
    std::optional<LinkStats> stats_;
    AgendaEntry choose_;
    std::vector<std::unique_ptr<Atc>> atcs_;  ///< by endpoint; nullptr: has none
    std::vector<SimTime> atc_apply_;          ///< AtcParams::invalidate
    std::vector<Atc::AskPage> page_requests_;
    std::deque<Message> messages_;
    std::vector<Message*> free_messages_;
};

}  // namespace xlate::soc
