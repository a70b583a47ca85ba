// Looks on at one connection of the base protocol and says what breaks its rules; changes nothing. Stands between an
// initiator socket and a target socket. What it checks (IEEE 1666-2011, 14 to 16):
//   exclusion    no BEGIN_REQ before the request in front of it is over, no BEGIN_RESP before the response is
//   order        of each payload: BEGIN_REQ, END_REQ or none, BEGIN_RESP, END_RESP; nothing after TLM_COMPLETED
//   returns      TLM_ACCEPTED leaves phase and delay alone; TLM_UPDATED has a phase that may follow
//   time         on each path, and of each payload, what is annotated never goes back
//   payload      a memory manager in nb_transport, a status of TLM_INCOMPLETE_RESPONSE and no DMI hint at the
//   beginning, a
//                status at the end; command, data, byte enables and streaming width stay what they were
#pragma once

#include <tlm>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace xlate::soc {

template <unsigned BUSWIDTH = 32>
class ProtocolChecker final : public sc_core::sc_module,
                              private tlm::tlm_fw_transport_if<>,
                              private tlm::tlm_bw_transport_if<> {
public:
    explicit ProtocolChecker(const sc_core::sc_module_name& module_name)
        : sc_core::sc_module(module_name), target("target"), initiator("initiator") {
        target.bind(*static_cast<tlm::tlm_fw_transport_if<>*>(this));
        initiator.bind(*static_cast<tlm::tlm_bw_transport_if<>*>(this));
    }
    tlm::tlm_target_socket<BUSWIDTH> target;        ///< towards the initiator
    tlm::tlm_initiator_socket<BUSWIDTH> initiator;  ///< towards the target

    /// The first hundred, and how many there were.
    const std::vector<std::string>& violations() const { return violations_; }
    std::uint64_t violated() const { return violated_; }
    /// Transactions that went through; calls of b_transport and payloads of nb_transport.
    std::uint64_t blocking() const { return blocking_; }
    std::uint64_t nonblocking() const { return nonblocking_; }
    /// nb_transport's that are not over.
    std::size_t open() const { return open_.size(); }
    /// Phase sequences that were seen, with how each phase came: "BEGIN_REQ END_REQ(return) BEGIN_RESP(call)
    /// COMPLETED".
    const std::map<std::string, std::uint64_t>& sequences() const { return sequences_; }

private:
    using Payload = tlm::tlm_generic_payload;
    struct Fields {
        explicit Fields(const Payload& payload)
            : command(payload.get_command()),
              data(payload.get_data_ptr()),
              length(payload.get_data_length()),
              width(payload.get_streaming_width()),
              enables(payload.get_byte_enable_ptr()),
              enable_length(payload.get_byte_enable_length()) {}
        bool operator==(const Fields& other) const {
            return command == other.command && data == other.data && length == other.length && width == other.width &&
                   enables == other.enables && enable_length == other.enable_length;
        }
        tlm::tlm_command command;
        const unsigned char* data;
        unsigned length, width;
        const unsigned char* enables;
        unsigned enable_length;
    };
    struct Open {
        Payload* payload;  ///< held, so that nobody uses it for another access before this one is over
        Fields fields;
        unsigned phase;  ///< the last one
        sc_core::sc_time at;
        std::string sequence;
    };

    void say(const std::string& what) {
        ++violated_;
        if (violations_.size() < 100)
            violations_.push_back(sc_core::sc_time_stamp().to_string() + " " + name() + ": " + what);
    }
    void expect(bool fine, const std::string& what) {
        if (!fine) say(what);
    }
    void begins(const Payload& payload) {
        expect(payload.get_response_status() == tlm::TLM_INCOMPLETE_RESPONSE, "begins with a response status");
        expect(!payload.is_dmi_allowed(), "begins with the DMI hint set");
    }
    void ends(const Payload& payload, const Fields& fields) {
        expect(payload.get_response_status() != tlm::TLM_INCOMPLETE_RESPONSE, "a response without a status");
        expect(Fields(payload) == fields, "a payload was changed on its way");
    }
    typename std::vector<Open>::iterator find(const Payload& payload) {
        return std::find_if(open_.begin(), open_.end(), [&](const Open& one) { return one.payload == &payload; });
    }
    /// One phase of a payload that is under way.
    void phase(Open& open, const Payload& payload, unsigned next, const sc_core::sc_time& at, const char* how) {
        const tlm::tlm_phase named(next);
        expect(at >= open.at, std::string(named.get_name()) + " before the phase in front of it");
        open.at = at;
        const unsigned last = open.phase;
        open.phase = next;
        open.sequence += std::string(" ") + named.get_name() + how;
        if (next == tlm::END_REQ) {
            expect(last == tlm::BEGIN_REQ, "END_REQ in the wrong place");
            if (request_ == &payload) request_ = nullptr;
        } else if (next == tlm::BEGIN_RESP) {
            expect(last == tlm::BEGIN_REQ || last == tlm::END_REQ, "BEGIN_RESP in the wrong place");
            if (request_ == &payload) request_ = nullptr;
            expect(response_ == nullptr, "BEGIN_RESP while another response is under way");
            response_ = &payload;
            ends(payload, open.fields);
        } else {
            expect(next == tlm::END_RESP && last == tlm::BEGIN_RESP,
                   std::string(named.get_name()) + " in the wrong place");
        }
    }
    void over(const Payload& payload) {
        const auto at = find(payload);
        if (at == open_.end()) return;
        if (request_ == &payload) request_ = nullptr;
        if (response_ == &payload) response_ = nullptr;
        ++sequences_[at->sequence];
        Payload* const held = at->payload;
        open_.erase(at);
        if (held->has_mm()) held->release();
    }
    /// What a call's return says; `forward`: of a call of the initiator.
    void returned(const Payload& payload, bool forward, tlm::tlm_sync_enum how, unsigned called, unsigned now,
                  const sc_core::sc_time& before, const sc_core::sc_time& after) {
        const auto at = find(payload);
        if (how == tlm::TLM_ACCEPTED) {
            expect(called == now && before == after, "TLM_ACCEPTED with another phase or delay");
            if (called == tlm::END_RESP) over(payload);
            return;
        }
        expect(after >= before, "a return goes back in time");
        if (at == open_.end()) return;
        const sc_core::sc_time time = sc_core::sc_time_stamp() + after;
        if (how == tlm::TLM_UPDATED) {
            const bool fits = forward ? now == tlm::END_REQ || now == tlm::BEGIN_RESP : now == tlm::END_RESP;
            expect(fits, "TLM_UPDATED with a phase of the other side");
            phase(*at, payload, now, time, "(return)");
            if (now == tlm::END_RESP) over(payload);
            return;
        }
        const bool may = called == tlm::BEGIN_REQ || called == tlm::BEGIN_RESP || called == tlm::END_RESP;
        expect(may, "TLM_COMPLETED where nothing can be complete");
        if (called == tlm::BEGIN_REQ) ends(payload, at->fields);
        at->sequence += " COMPLETED";
        over(payload);
    }

    tlm::tlm_sync_enum nb_transport_fw(Payload& payload, tlm::tlm_phase& phase_now, sc_core::sc_time& delay) override {
        const sc_core::sc_time at = sc_core::sc_time_stamp() + delay, before = delay;
        const unsigned called = phase_now;
        expect(at >= forward_, "the forward path goes back in time");
        forward_ = at;
        if (called == tlm::BEGIN_REQ) {
            expect(payload.has_mm(), "nb_transport with a payload that has no memory manager");
            expect(request_ == nullptr, "BEGIN_REQ while another request is under way");
            expect(find(payload) == open_.end(), "BEGIN_REQ of a payload that is under way");
            begins(payload);
            over(payload);
            request_ = &payload;
            if (payload.has_mm()) payload.acquire();
            open_.push_back(Open{&payload, Fields(payload), called, at, "BEGIN_REQ"});
            ++nonblocking_;
        } else if (const auto known = find(payload); known != open_.end()) {
            expect(called == tlm::END_RESP, "a phase of the other side on the forward path");
            phase(*known, payload, called, at, "(call)");
        } else {
            say(std::string(phase_now.get_name()) + " of a payload that is not under way");
        }
        const tlm::tlm_sync_enum how = initiator->nb_transport_fw(payload, phase_now, delay);
        returned(payload, true, how, called, phase_now, before, delay);
        return how;
    }
    tlm::tlm_sync_enum nb_transport_bw(Payload& payload, tlm::tlm_phase& phase_now, sc_core::sc_time& delay) override {
        const sc_core::sc_time at = sc_core::sc_time_stamp() + delay, before = delay;
        const unsigned called = phase_now;
        expect(at >= backward_, "the backward path goes back in time");
        backward_ = at;
        if (const auto known = find(payload); known != open_.end()) {
            expect(called == tlm::END_REQ || called == tlm::BEGIN_RESP,
                   "a phase of the other side on the backward path");
            phase(*known, payload, called, at, "(call)");
        } else {
            say(std::string(phase_now.get_name()) + " of a payload that is not under way");
        }
        const tlm::tlm_sync_enum how = target->nb_transport_bw(payload, phase_now, delay);
        returned(payload, false, how, called, phase_now, before, delay);
        return how;
    }
    void b_transport(Payload& payload, sc_core::sc_time& delay) override {
        begins(payload);
        ++blocking_;
        const Fields fields(payload);
        const sc_core::sc_time at = sc_core::sc_time_stamp() + delay;
        initiator->b_transport(payload, delay);
        expect(sc_core::sc_time_stamp() + delay >= at, "b_transport goes back in time");
        ends(payload, fields);
    }
    bool get_direct_mem_ptr(Payload& payload, tlm::tlm_dmi& dmi) override {
        return initiator->get_direct_mem_ptr(payload, dmi);
    }
    unsigned transport_dbg(Payload& payload) override { return initiator->transport_dbg(payload); }
    void invalidate_direct_mem_ptr(sc_dt::uint64 start, sc_dt::uint64 end) override {
        target->invalidate_direct_mem_ptr(start, end);
    }

    std::vector<Open> open_;
    const Payload* request_ = nullptr;
    const Payload* response_ = nullptr;
    sc_core::sc_time forward_, backward_;
    std::vector<std::string> violations_;
    std::uint64_t violated_ = 0;
    std::map<std::string, std::uint64_t> sequences_;
    std::uint64_t blocking_ = 0, nonblocking_ = 0;
};

}  // namespace xlate::soc
