// Standard TLM-2.0 sockets, with the base protocol's phases reduced to what our modules do with them.
// Request: nb_transport_fw(BEGIN_REQ), answered by END_REQ at once or, if the target is busy, later.
// Response: nb_transport_bw(BEGIN_RESP), answered by TLM_COMPLETED.
// Between two ports of ours the calls are made without TLM in between; what happens is the same.
// A port sends its next request only after the target has taken the last one (the base protocol's exclusion rule).
#pragma once

#include <tlm>

#include <string>

#include "soc/bus/transaction.hpp"

namespace xlate::soc {

class TargetPort;
class InitiatorPort;

/// A module with target ports. `port`: the number that it gave the port.
class Target {
public:
    virtual ~Target() = default;
    /// A request has arrived, at this very instant (phase `arrive`). True: taken. False: it stays at the door; call
    /// TargetPort::accept() when it is taken.
    virtual bool on_request(unsigned port, Transaction& transaction) = 0;
    /// Access without time or side effects. Returns the bytes done.
    virtual unsigned on_debug(unsigned port, tlm::tlm_generic_payload& payload) = 0;
};

/// A module with initiator ports.
class Initiator {
public:
    virtual ~Initiator() = default;
    /// The target has taken the request that waited at its door: the next may be sent.
    virtual void on_accepted(unsigned port) = 0;
    virtual void on_response(unsigned port, Transaction& transaction) = 0;
};

class TargetPort final : public tlm::tlm_fw_transport_if<> {
public:
    TargetPort(const std::string& name, Target& owner, unsigned number);

    void respond(Transaction& transaction);
    void accept(Transaction& transaction);

    tlm::tlm_target_socket<> socket;

private:
    friend class InitiatorPort;
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) override;
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) override;
    unsigned transport_dbg(tlm::tlm_generic_payload& payload) override;

    InitiatorPort* ours();

    Target& owner_;
    unsigned number_;
    InitiatorPort* ours_ = nullptr;
    bool resolved_ = false;
};

class InitiatorPort final : public tlm::tlm_bw_transport_if<> {
public:
    InitiatorPort(const std::string& name, Initiator& owner, unsigned number);

    /// May be called only while free(). Afterwards free() tells whether the target took it.
    void send(Transaction& transaction);
    bool free() const { return waiting_ == nullptr; }

    tlm::tlm_initiator_socket<> socket;

private:
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    void invalidate_direct_mem_ptr(sc_dt::uint64 start, sc_dt::uint64 end) override;

    friend class TargetPort;
    void respond(Transaction& transaction);
    TargetPort* ours();

    Initiator& owner_;
    unsigned number_;
    TargetPort* ours_ = nullptr;
    bool resolved_ = false;
    const tlm::tlm_generic_payload* waiting_ = nullptr;
};

}  // namespace xlate::soc
