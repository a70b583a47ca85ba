// A platform that is not ours: initiators and a memory written with tlm_utils alone, and our SMMUv3 between them.
#pragma once

#include <tlm_utils/peq_with_cb_and_phase.h>
#include <tlm_utils/peq_with_get.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <systemc>
#include <tlm>

#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "soc/modules/iommu.hpp"
#include "soc/modules/protocol_checker.hpp"
#include "tests/soc/smmu_bench.hpp"

namespace xlate::tests {

using sc_core::sc_time;
using tlm::tlm_generic_payload;

/// In picoseconds, as a whole number.
inline sc_time in_ps(double count) { return sc_time(count, sc_core::SC_PS); }

/// How a foreign target goes through the phases.
enum class TargetStyle {
    end_req_by_return,     ///< TLM_UPDATED/END_REQ, BEGIN_RESP by call
    end_req_by_call,       ///< TLM_ACCEPTED, END_REQ by call, BEGIN_RESP by call
    end_req_skipped,       ///< TLM_ACCEPTED, BEGIN_RESP by call
    begin_resp_by_return,  ///< TLM_UPDATED/BEGIN_RESP with the latency annotated
    completed,             ///< TLM_COMPLETED with the latency annotated
    annotated,             ///< END_REQ by return and BEGIN_RESP by call, both ahead of their time
    blocking_only,         ///< b_transport alone: tlm_utils makes phases of it
};
inline constexpr TargetStyle kTargetStyles[] = {
    TargetStyle::end_req_by_return,    TargetStyle::end_req_by_call, TargetStyle::end_req_skipped,
    TargetStyle::begin_resp_by_return, TargetStyle::completed,       TargetStyle::annotated,
    TargetStyle::blocking_only,
};

/// A sparse memory that answers each access after a fixed time.
struct ForeignMemory : sc_core::sc_module {
    tlm_utils::simple_target_socket<ForeignMemory> socket{"socket"};

    ForeignMemory(const sc_core::sc_module_name& module_name, TargetStyle how, sc_time after)
        : sc_core::sc_module(module_name), style(how), latency(after), queue(this, &ForeignMemory::step) {
        if (style == TargetStyle::blocking_only) {
            socket.register_b_transport(this, &ForeignMemory::b_transport);
        } else {
            socket.register_nb_transport_fw(this, &ForeignMemory::nb_transport_fw);
        }
        socket.register_transport_dbg(this, &ForeignMemory::transport_dbg);
    }
    void access(tlm_generic_payload& payload) {
        for (unsigned i = 0; i < payload.get_data_length(); ++i) {
            const unsigned enable = payload.get_byte_enable_length();
            if (enable != 0 && payload.get_byte_enable_ptr()[i % enable] == TLM_BYTE_DISABLED) continue;
            std::uint8_t& byte = bytes[payload.get_address() + i % payload.get_streaming_width()];
            if (payload.is_write()) byte = payload.get_data_ptr()[i];
            if (payload.is_read()) payload.get_data_ptr()[i] = byte;
        }
        payload.set_response_status(payload.get_address() >= fails_from ? tlm::TLM_GENERIC_ERROR_RESPONSE
                                                                        : tlm::TLM_OK_RESPONSE);
        ++accesses;
    }
    void b_transport(tlm_generic_payload& payload, sc_time& delay) {
        access(payload);
        delay += latency;
    }
    unsigned transport_dbg(tlm_generic_payload& payload) {
        access(payload);
        --accesses;
        return payload.get_data_length();
    }
    tlm::tlm_sync_enum nb_transport_fw(tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_time& delay) {
        if (phase == tlm::END_RESP) return tlm::TLM_COMPLETED;
        switch (style) {
            case TargetStyle::completed:
                access(payload);
                delay += latency;
                return tlm::TLM_COMPLETED;
            case TargetStyle::begin_resp_by_return:
                access(payload);
                delay += latency;
                phase = tlm::BEGIN_RESP;
                return tlm::TLM_UPDATED;
            case TargetStyle::end_req_by_return:
                queue.notify(payload, tlm::BEGIN_RESP, delay + latency);
                phase = tlm::END_REQ;
                return tlm::TLM_UPDATED;
            case TargetStyle::annotated:
                queue.notify(payload, tlm::BEGIN_RESP, delay + latency / 2);
                phase = tlm::END_REQ;
                delay += in_ps(2000);
                return tlm::TLM_UPDATED;
            case TargetStyle::end_req_by_call:
                queue.notify(payload, tlm::END_REQ, delay);
                [[fallthrough]];
            default:
                queue.notify(payload, tlm::BEGIN_RESP, delay + latency);
                return tlm::TLM_ACCEPTED;
        }
    }
    void step(tlm_generic_payload& payload, const tlm::tlm_phase& phase) {
        tlm::tlm_phase next = phase;
        sc_time delay = sc_core::SC_ZERO_TIME;
        if (phase == tlm::BEGIN_RESP) {
            access(payload);
            if (style == TargetStyle::annotated) delay = latency - latency / 2;
        }
        socket->nb_transport_bw(payload, next, delay);
    }

    TargetStyle style;
    sc_time latency;
    std::uint64_t fails_from = ~std::uint64_t{0};
    std::uint64_t accesses = 0;
    std::map<std::uint64_t, std::uint8_t> bytes;
    tlm_utils::peq_with_cb_and_phase<ForeignMemory> queue;
};

/// One access, as a test writes it down and looks at it.
struct ForeignAccess {
    std::uint64_t address = 0;
    std::uint32_t size = 64;
    bool write = false;
    sc_time gap;  ///< from the end of the one before (LT, or one outstanding) or its beginning
    tlm::tlm_response_status status = tlm::TLM_INCOMPLETE_RESPONSE;
    sc_time start, end;
    std::vector<std::uint8_t> data;
    std::vector<std::uint8_t> enables;
    soc::DmaAttributes attributes;
    bool says_attributes = false;
};

/// LT: one access after the other by b_transport. `quantum`: how far ahead of SystemC it begins each.
struct LtInitiator : sc_core::sc_module {
    tlm_utils::simple_initiator_socket<LtInitiator> socket{"socket"};
    SC_HAS_PROCESS(LtInitiator);
    explicit LtInitiator(const sc_core::sc_module_name& module_name) : sc_core::sc_module(module_name) {
        SC_THREAD(run);
    }
    void run() {
        for (ForeignAccess& access : accesses) {
            tlm_generic_payload payload;
            access.data.resize(access.size);
            payload.set_command(access.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
            payload.set_address(access.address);
            payload.set_data_ptr(access.data.data());
            payload.set_data_length(access.size);
            payload.set_streaming_width(access.size);
            if (!access.enables.empty()) {
                payload.set_byte_enable_ptr(access.enables.data());
                payload.set_byte_enable_length(static_cast<unsigned>(access.enables.size()));
            }
            payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
            if (access.says_attributes) payload.set_extension(&access.attributes);
            sc_time delay = decoupled ? access.gap : sc_core::SC_ZERO_TIME;
            if (!decoupled) wait(access.gap);
            access.start = sc_core::sc_time_stamp() + delay;
            socket->b_transport(payload, delay);
            access.end = sc_core::sc_time_stamp() + delay;
            access.status = payload.get_response_status();
            if (access.says_attributes) payload.clear_extension(&access.attributes);
        }
    }
    std::deque<ForeignAccess> accesses;
    bool decoupled = false;
};

/// How a foreign initiator ends a response.
enum class InitiatorStyle {
    completed,           ///< TLM_COMPLETED
    end_resp_by_call,    ///< TLM_ACCEPTED, END_RESP later by call
    end_resp_by_return,  ///< TLM_UPDATED/END_RESP with a delay
    annotated,           ///< BEGIN_REQ is sent ahead of its time
};
inline constexpr InitiatorStyle kInitiatorStyles[] = {InitiatorStyle::completed, InitiatorStyle::end_resp_by_call,
                                                      InitiatorStyle::end_resp_by_return, InitiatorStyle::annotated};

/// AT: up to `outstanding` accesses at once, each `gap` after the one before, if the last request has been taken.
struct AtInitiator : sc_core::sc_module, tlm::tlm_mm_interface {
    tlm_utils::simple_initiator_socket<AtInitiator> socket{"socket"};
    SC_HAS_PROCESS(AtInitiator);
    AtInitiator(const sc_core::sc_module_name& module_name, InitiatorStyle how)
        : sc_core::sc_module(module_name), style(how), ends(this, &AtInitiator::end_response) {
        socket.register_nb_transport_bw(this, &AtInitiator::nb_transport_bw);
        SC_THREAD(run);
    }
    void free(tlm_generic_payload*) override { ++freed; }
    void run() {
        for (ForeignAccess& access : accesses) {
            while (in_flight >= outstanding) wait(changed);
            const bool ahead = style == InitiatorStyle::annotated;
            if (!ahead && access.gap != sc_core::SC_ZERO_TIME) wait(access.gap);
            tlm_generic_payload& payload = payloads.emplace_back(this);
            payload.acquire();
            access.data.resize(access.size);
            payload.set_command(access.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
            payload.set_address(access.address);
            payload.set_data_ptr(access.data.data());
            payload.set_data_length(access.size);
            payload.set_streaming_width(access.size);
            payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
            if (access.says_attributes) payload.set_extension(&access.attributes);
            by_payload[&payload] = &access;
            request = &payload;
            ++in_flight;
            most = std::max(most, in_flight);
            tlm::tlm_phase phase = tlm::BEGIN_REQ;
            sc_time delay = ahead ? access.gap : sc_core::SC_ZERO_TIME;
            access.start = sc_core::sc_time_stamp() + delay;
            const auto how = socket->nb_transport_fw(payload, phase, delay);
            if (how == tlm::TLM_UPDATED && phase == tlm::END_REQ) request = nullptr;
            while (request != nullptr) wait(changed);
        }
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_time& delay) {
        if (request == &payload) request = nullptr;
        changed.notify(sc_core::SC_ZERO_TIME);
        if (phase == tlm::END_REQ) return tlm::TLM_ACCEPTED;
        ForeignAccess& access = *by_payload.at(&payload);
        access.end = sc_core::sc_time_stamp() + delay;
        access.status = payload.get_response_status();
        if (style == InitiatorStyle::end_resp_by_call) {
            ends.notify(payload, tlm::END_RESP, delay + hold);
            return tlm::TLM_ACCEPTED;
        }
        over(payload);
        if (style == InitiatorStyle::end_resp_by_return) {
            phase = tlm::END_RESP;
            delay += hold;
            return tlm::TLM_UPDATED;
        }
        return tlm::TLM_COMPLETED;
    }
    void end_response(tlm_generic_payload& payload, const tlm::tlm_phase&) {
        over(payload);
        tlm::tlm_phase phase = tlm::END_RESP;
        sc_time delay = sc_core::SC_ZERO_TIME;
        socket->nb_transport_fw(payload, phase, delay);
        payload.release();
    }
    void over(tlm_generic_payload& payload) {
        --in_flight;
        ++responses;
        ForeignAccess& access = *by_payload.at(&payload);
        if (access.says_attributes) payload.clear_extension(&access.attributes);
        if (style != InitiatorStyle::end_resp_by_call) payload.release();
    }

    InitiatorStyle style;
    tlm_utils::peq_with_cb_and_phase<AtInitiator> ends;
    std::deque<ForeignAccess> accesses;
    std::deque<tlm_generic_payload> payloads;
    std::map<const tlm_generic_payload*, ForeignAccess*> by_payload;
    unsigned outstanding = 1, in_flight = 0, most = 0, responses = 0, freed = 0;
    const tlm_generic_payload* request = nullptr;
    sc_time hold;  ///< from BEGIN_RESP to END_RESP
    sc_core::sc_event changed;
};

/// World, an SMMUv3 as SmmuBench programs it, a foreign memory; the initiators are the test's.
struct ForeignPlatform {
    explicit ForeignPlatform(soc::IommuSetup setup, TargetStyle style = TargetStyle::end_req_by_return,
                             sc_time latency = in_ps(33'000))
        : smmu("smmu", world, with_masters(std::move(setup))), memory("memory", style, latency), checker("checker") {
        smmu.memory[0].bind(checker.target);
        checker.initiator.bind(memory.socket);
        cpu.bind(smmu.registers);
    }
    static soc::IommuSetup with_masters(soc::IommuSetup setup) {
        setup.register_base = SmmuBench::kRegisters;
        setup.params.one_port = true;
        if (setup.masters.empty()) setup.masters.push_back({"m", SmmuBench::kStream, {}});
        return setup;
    }
    // As a Soc's.
    bool poke(PhysAddr address, const std::uint8_t* bytes, std::size_t size) {
        for (std::size_t i = 0; i < size; ++i) memory.bytes[address.value + i] = bytes[i];
        return true;
    }
    void poke_register(PhysAddr address, unsigned size, std::uint64_t value) {
        std::uint8_t bytes[8];
        store_le(bytes, size, value);
        tlm_generic_payload payload;
        payload.set_write();
        payload.set_address(address.value);
        payload.set_data_ptr(bytes);
        payload.set_data_length(size);
        cpu->transport_dbg(payload);
    }
    struct Cpu : sc_core::sc_module {
        tlm_utils::simple_initiator_socket<Cpu> socket{"socket"};
        explicit Cpu(const sc_core::sc_module_name& module_name) : sc_core::sc_module(module_name) {}
    };

    soc::World world{"world"};
    soc::Iommu<> smmu;
    ForeignMemory memory;
    soc::ProtocolChecker<> checker;
    Cpu cpu_module{"cpu"};
    tlm_utils::simple_initiator_socket<Cpu>& cpu = cpu_module.socket;
};

}  // namespace xlate::tests
