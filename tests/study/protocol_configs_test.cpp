// The base protocol at every port of the interconnect, in every config that the repository has: the crossbar's place is
// taken by one whose ports have checkers, which looks on.
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <catch2/catch.hpp>

#include <deque>
#include <filesystem>
#include <map>
#include <set>

#include "soc/foreign/foreign.hpp"
#include "soc/modules/protocol_checker.hpp"
#include "study/config/config.hpp"
#include "study/run/run.hpp"
#include "tests/places.hpp"
#include "tests/soc/child.hpp"

namespace xlate::tests {

namespace {

using Checker = soc::ProtocolChecker<32>;

/// Takes each request at once and passes it on as soon as its target has taken the one before.
struct Checked final : sc_core::sc_module, soc::ForeignInterconnect {
    Checked(const sc_core::sc_module_name& name, const soc::ForeignInterconnectSetup& setup)
        : sc_core::sc_module(name),
          map(setup.map),
          in("in", setup.initiators.size()),
          out("out", setup.targets.size()),
          queues(setup.targets.size()) {
        for (std::size_t i = 0; i < in.size(); ++i) {
            in[i].register_nb_transport_fw(this, &Checked::forward, static_cast<int>(i));
            in[i].register_transport_dbg(this, &Checked::debug, static_cast<int>(i));
            checkers.push_back(std::make_unique<Checker>(sc_core::sc_gen_unique_name("before")));
            checkers.back()->initiator.bind(in[i]);
        }
        for (std::size_t i = 0; i < out.size(); ++i) {
            out[i].register_nb_transport_bw(this, &Checked::backward, static_cast<int>(i));
            checkers.push_back(std::make_unique<Checker>(sc_core::sc_gen_unique_name("behind")));
            out[i].bind(checkers.back()->target);
        }
    }
    soc::ForeignTarget initiator(std::size_t index) override { return checkers[index]->target; }
    soc::ForeignInitiator target(std::size_t index) override { return checkers[in.size() + index]->initiator; }
    soc::ForeignCounters counters() const override {
        std::uint64_t violations = 0, passed = 0, open = 0;
        for (const auto& checker : checkers) {
            for (const std::string& one : checker->violations()) UNSCOPED_INFO(one);
            violations += checker->violations().size();
            passed += checker->nonblocking();
            open += checker->open();
        }
        return {{"violations", violations}, {"passed", passed}, {"open", open}};
    }

private:
    struct Queue {
        std::deque<tlm::tlm_generic_payload*> waiting;
        tlm::tlm_generic_payload* request = nullptr;  ///< BEGIN_REQ went, END_REQ not yet
    };
    tlm::tlm_sync_enum forward(int from, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                               sc_core::sc_time& delay) {
        if (phase == tlm::END_RESP) return tlm::TLM_COMPLETED;
        const auto* to = map.find(payload.get_address(), payload.get_data_length());
        if (to == nullptr) {
            payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
            return tlm::TLM_COMPLETED;
        }
        payload.acquire();
        from_[&payload] = from;
        const unsigned target = to->target_of(payload.get_address());
        queues[target].waiting.push_back(&payload);
        send(target);
        if (from_.count(&payload) == 0) return tlm::TLM_ACCEPTED;
        phase = tlm::END_REQ;
        delay = sc_core::SC_ZERO_TIME;
        return tlm::TLM_UPDATED;
    }
    void send(unsigned target) {
        Queue& queue = queues[target];
        while (queue.request == nullptr && !queue.waiting.empty()) {
            queue.request = queue.waiting.front();
            queue.waiting.pop_front();
            tlm::tlm_phase phase = tlm::BEGIN_REQ;
            sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
            const auto answer = out[target]->nb_transport_fw(*queue.request, phase, delay);
            if (answer == tlm::TLM_UPDATED && phase == tlm::END_REQ) queue.request = nullptr;
        }
    }
    tlm::tlm_sync_enum backward(int target, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                sc_core::sc_time&) {
        Queue& queue = queues[static_cast<std::size_t>(target)];
        if (queue.request == &payload) queue.request = nullptr;
        const bool response = phase == tlm::BEGIN_RESP;
        if (response) {
            const int from = from_.at(&payload);
            from_.erase(&payload);
            tlm::tlm_phase begin = tlm::BEGIN_RESP;
            sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
            in[static_cast<std::size_t>(from)]->nb_transport_bw(payload, begin, delay);
            payload.release();
        }
        send(static_cast<unsigned>(target));
        return response ? tlm::TLM_COMPLETED : tlm::TLM_ACCEPTED;
    }
    unsigned debug(int, tlm::tlm_generic_payload& payload) {
        const auto* to = map.find(payload.get_address(), payload.get_data_length());
        return to == nullptr ? 0 : out[to->target_of(payload.get_address())]->transport_dbg(payload);
    }

    soc::AddressMap map;
    sc_core::sc_vector<tlm_utils::simple_target_socket_tagged<Checked>> in;
    sc_core::sc_vector<tlm_utils::simple_initiator_socket_tagged<Checked>> out;
    std::vector<Queue> queues;
    std::map<const tlm::tlm_generic_payload*, int> from_;
    std::vector<std::unique_ptr<Checker>> checkers;
};

std::string checked_run(const std::string& file) {
    return in_child([&] {
        soc::register_foreign_interconnect("checked", [](const soc::ForeignInterconnectSetup& setup) {
            return std::make_unique<Checked>(setup.name.c_str(), setup);
        });
        study::Config config = study::load_config(file);
        config.soc.foreign_interconnect.factory = "checked";
        config.soc.fidelity = soc::Fidelity::exact;
        for (auto one = config.origins.begin(); one != config.origins.end();) {
            one = one->first.rfind("soc.interconnect.", 0) == 0 ? config.origins.erase(one) : std::next(one);
        }
        for (study::TrafficConfig& traffic : config.traffic) {
            traffic.params.transfers = std::min<std::uint64_t>(traffic.params.transfers, 100);
            traffic.warmup.clear();
        }
        config.expect.clear();
        const study::RunReport report = study::run(config, {});
        const auto& counters = report.result["foreign"][0]["counters"];
        std::string text = counters["violations"] == 0 ? "none" : counters.dump();
        if (counters["passed"] < 20) text += ", and hardly anything passed: " + counters.dump();
        return text;
    });
}

}  // namespace

TEST_CASE("no config breaks the base protocol at any port of the interconnect", "[soc][protocol]") {
    std::set<std::string> files;
    const std::string configs = std::string(source_dir()) + "/configs";
    for (const char* folder : {"", "/soc", "/papers"}) {
        for (const auto& entry : std::filesystem::directory_iterator(configs + folder)) {
            if (entry.path().extension() == ".yaml") files.insert(entry.path().string());
        }
    }
    REQUIRE(files.size() > 30);
    for (const std::string& file : files) {
        INFO(file);
        CHECK(checked_run(file) == "none");
    }
}

}  // namespace xlate::tests
