// An address translation cache (ATC) of a PCIe endpoint: asks the IOMMU for translations ahead of its accesses (ATS).
//   hit           the access goes up with the translated address
//   miss          a translation request goes up, one a page; who needs the page waits for it
//   refused       (unsupported request, completer abort) the access goes up untranslated
//   no right      with PRI, a page request goes up, one a page, and its answer lets the access ask again or ends it;
//                 without, the access ends in an error
//   invalidation  drops entries and what is being asked for, then waits until every translated access that was
//                 under way has come back; only then it is complete
// A transaction's time in here and in the request that it waits for is charged to Part::ats, that in which it waits for
// software to answer a page request to Part::stall.
// Source: docs/spec/iommu-hardware.md section 1.13.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "iommu/page_request.hpp"
#include "iommu/tlb.hpp"
#include "soc/bus/transaction.hpp"
#include "soc/config.hpp"
#include "soc/measure/stats.hpp"
#include "soc/time/station.hpp"

namespace xlate::soc {

class Atc {
public:
    using Send = std::function<void(Transaction&)>;
    using AskPage = std::function<void(const iommu::PageRequest&)>;
    /// `up`: a transaction goes to the link. `back`: one that is refused goes back to the endpoint. `ask_page`: a page
    /// request goes to the link.
    Atc(Agenda& agenda, const Component& component, TransactionPool& pool, const std::string& name,
        const AtcParams& params, std::uint64_t seed, Send up, Send back, AskPage ask_page);

    bool enabled() const { return enabled_; }
    /// Switched on it starts empty. What is under way when it is switched off still ends as it began.
    void enable(bool on);

    /// An access of the endpoint.
    void accept(Transaction& transaction);
    /// Something comes back over the link. True if it was a request of the ATC, which is then dealt with.
    bool returned(Transaction& transaction);
    /// `done` is called when the invalidation is complete.
    void invalidate(const iommu::Invalidation& invalidation, std::function<void()> done);
    /// The answer to a page request has arrived.
    void answer_page(const iommu::PageResponse& response);

    AtcStats stats() const;

private:
    struct PendingAccess : Job {  ///< an access that is looked up, or waits for a translation
        Atc* atc = nullptr;
        Transaction* transaction = nullptr;
        std::uint64_t tag = 0;
        bool asked = false;  ///< a translation was fetched for it
    };
    struct PendingRequest {  ///< a translation request, under way or waiting for its turn
        Atc* atc = nullptr;
        std::uint64_t page = 0;
        std::uint64_t tag = 0;
        bool write = false;
        bool sent = false;
        std::uint64_t epoch = 0;
        iommu::CachedTranslation answer;
        std::vector<PendingAccess*> waiting;
    };

    struct PendingPageRequest {  ///< a page request, under way or waiting for its turn
        std::uint64_t page = 0;
        std::uint64_t tag = 0;
        bool write = false;
        std::optional<std::uint16_t> group;  ///< sent
        std::vector<PendingAccess*> waiting;
    };

    static void looked_up_step(Job& job);
    void looked_up(PendingAccess& access);
    void ask(PendingAccess& access);
    void send_asks();
    void answered(PendingRequest& ask, bool ok);
    void go_translated(PendingAccess& access, const iommu::CachedTranslation& entry);
    void go_plain(PendingAccess& access);
    void deny(PendingAccess& access);
    void wait_for_page(PendingAccess& access);
    void send_page_asks();
    Transaction& leave(PendingAccess& access);
    void drain();

    Agenda& agenda_;
    const Component& component_;
    TransactionPool& pool_;
    const AtcParams params_;
    const Send up_;
    const Send back_;
    const AskPage ask_page_;
    iommu::Tlb cache_;
    Station look_up_;
    bool enabled_ = false;
    std::deque<PendingAccess> pending_;
    std::vector<PendingAccess*> free_pending_;
    std::deque<PendingRequest> asks_;  ///< oldest first; addresses are stable
    std::uint32_t under_way_ = 0;
    std::deque<PendingPageRequest> page_asks_;  ///< oldest first
    std::uint32_t pages_under_way_ = 0;
    std::uint16_t next_group_ = 0;
    std::uint64_t epoch_ = 0;  ///< counts invalidations: what was asked for before one may not be kept

    std::uint64_t translated_[2] = {0, 0};  ///< translated accesses under way, in two generations
    bool generation_ = false;
    std::vector<std::function<void()>> draining_;  ///< invalidations that wait for the older generation
    std::vector<std::function<void()>> next_;      ///< and those that came since
    AtcStats counts_;
};

}  // namespace xlate::soc
