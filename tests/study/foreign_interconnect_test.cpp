// A kernel that boots through an interconnect of the user's own: what it finds is what it finds through the crossbar,
// as long as the interconnect keeps what soc/foreign/foreign.hpp asks of it; and if it does not, that is said.
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <catch2/catch.hpp>

#include <deque>

#include "soc/foreign/foreign.hpp"
#include "study/config/config.hpp"
#include "study/run/run.hpp"
#include "tests/places.hpp"
#include "tests/soc/child.hpp"

namespace xlate::tests {

namespace {

using tlm::tlm_generic_payload;

/// 2 ns forth. passes: the payloads that came; copies: its own, with their extensions; forgets: its own, without them;
/// overtakes: reads do not wait for writes, which take 300 ns.
class Noc final : public sc_core::sc_module, public soc::ForeignInterconnect {
public:
    Noc(const sc_core::sc_module_name& name, const soc::ForeignInterconnectSetup& setup)
        : sc_core::sc_module(name),
          map_(setup.map),
          mode_(setup.text("mode", "passes")),
          in_("in", setup.initiators.size()),
          out_("out", setup.targets.size()),
          ports_(setup.initiators.size()) {
        for (std::size_t i = 0; i < in_.size(); ++i) {
            in_[i].register_nb_transport_fw(this, &Noc::forward, static_cast<int>(i));
            in_[i].register_transport_dbg(this, &Noc::debug, static_cast<int>(i));
            for (Way* way : {&ports_[i].all, &ports_[i].reads}) {
                sc_core::sc_spawn([this, way, i] { serve(*way, i); });
            }
        }
    }
    soc::ForeignTarget initiator(std::size_t index) override { return in_[index]; }
    soc::ForeignInitiator target(std::size_t index) override { return out_[index]; }

private:
    struct Way {
        std::deque<tlm_generic_payload*> waiting;
        sc_core::sc_event came;
    };
    struct Port {
        Way all, reads;
    };

    tlm::tlm_sync_enum forward(int from, tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
        if (phase == tlm::END_RESP) return tlm::TLM_COMPLETED;
        payload.acquire();
        Port& port = ports_[static_cast<std::size_t>(from)];
        Way& way = mode_ == "overtakes" && payload.is_read() ? port.reads : port.all;
        way.waiting.push_back(&payload);
        way.came.notify(sc_core::SC_ZERO_TIME);
        phase = tlm::END_REQ;
        return tlm::TLM_UPDATED;
    }
    void serve(Way& way, std::size_t from) {
        for (;;) {
            while (way.waiting.empty()) sc_core::wait(way.came);
            tlm_generic_payload& payload = *way.waiting.front();
            way.waiting.pop_front();
            const bool slow = mode_ == "overtakes" && payload.is_write();
            sc_core::wait(sc_core::sc_time(slow ? 300 : 2, sc_core::SC_NS));
            carry(payload);
            tlm::tlm_phase phase = tlm::BEGIN_RESP;
            sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
            in_[from]->nb_transport_bw(payload, phase, delay);
            payload.release();
        }
    }
    void carry(tlm_generic_payload& payload) {
        const auto* to = map_.find(payload.get_address(), payload.get_data_length());
        if (to == nullptr) {
            payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
            return;
        }
        auto& out = out_[to->target_of(payload.get_address())];
        sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
        if (mode_ == "passes" || mode_ == "overtakes") {
            out->b_transport(payload, delay);
            return;
        }
        std::vector<unsigned char> bytes(payload.get_data_length());
        tlm_generic_payload own;
        own.set_data_ptr(bytes.data());
        if (mode_ == "copies") {
            own.deep_copy_from(payload);
        } else {
            own.set_command(payload.get_command());
            own.set_address(payload.get_address());
            own.set_data_length(payload.get_data_length());
            own.set_streaming_width(payload.get_streaming_width());
            std::copy_n(payload.get_data_ptr(), bytes.size(), bytes.begin());
        }
        out->b_transport(own, delay);
        if (mode_ == "copies") {
            payload.update_original_from(own);
        } else if (payload.is_read()) {
            std::copy(bytes.begin(), bytes.end(), payload.get_data_ptr());
            payload.set_response_status(own.get_response_status());
        }
        own.free_all_extensions();
    }
    unsigned debug(int, tlm_generic_payload& payload) {
        const auto* to = map_.find(payload.get_address(), payload.get_data_length());
        return to == nullptr ? 0 : out_[to->target_of(payload.get_address())]->transport_dbg(payload);
    }

    soc::AddressMap map_;
    const std::string mode_;
    sc_core::sc_vector<tlm_utils::simple_target_socket_tagged<Noc>> in_;
    sc_core::sc_vector<tlm_utils::simple_initiator_socket<Noc>> out_;
    std::deque<Port> ports_;
};

/// What the kernel made of the board, and what the masters did. `mode`: of Noc; empty: the crossbar.
std::string booted(const std::string& config_name, const std::string& mode) {
    return in_child([&] {
        soc::register_foreign_interconnect("noc", [](const soc::ForeignInterconnectSetup& setup) {
            return std::make_unique<Noc>(setup.name.c_str(), setup);
        });
        study::Config config = study::load_config(std::string(source_dir()) + "/configs/" + config_name);
        if (!mode.empty()) {
            config.soc.foreign_interconnect.factory = "noc";
            config.soc.foreign_interconnect.options["mode"] = mode;
        }
        for (auto one = config.origins.begin(); one != config.origins.end();)
            one = one->first.rfind("soc.interconnect", 0) == 0 ? config.origins.erase(one) : std::next(one);
        if (config_name.rfind("x86", 0) == 0)
            config.kernel.parameters["intremap"] =
                "off";  // how many messages are moderated into one is a matter of timing
        for (study::TrafficConfig& traffic : config.traffic) {
            traffic.params.transfers = std::min<std::uint64_t>(traffic.params.transfers, 50);
            traffic.warmup.clear();
        }
        config.expect.clear();
        const study::RunReport report = study::run(config, {});
        std::string text;
        for (const auto& device : report.result["devices"])
            text += device["name"].get<std::string>() + " " + device["state"].dump() + device["iommu"].dump() +
                    device["group"].dump() + "\n";
        for (const auto& iommu : report.result["iommus"]) text += "events " + iommu["events"].dump() + "\n";
        for (const auto& master : report.result["masters"])
            text += master["device"].dump() + master["reads"].dump() + master["writes"].dump() + "\n";
        return text + "faults " + report.result["faults_total"].dump() + report.result["kernel"]["oops"].dump();
    });
}

}  // namespace

TEST_CASE("a kernel boots through a foreign interconnect as it does through the crossbar", "[soc][foreign]") {
    for (const char* config : {"quickstart.yaml", "riscv.yaml", "x86-vtd.yaml"}) {
        INFO(config);
        const std::string ours = booted(config, "");
        CHECK(ours.find("faults 0") != std::string::npos);
        CHECK(booted(config, "passes") == ours);
        CHECK(booted(config, "copies") == ours);
    }
}

TEST_CASE("a foreign interconnect that loses extensions or the order of register accesses is told so",
          "[soc][foreign]") {
    const auto says = [](const char* mode, const char* what) {
        const std::string said = booted("quickstart.yaml", mode);
        INFO(said);
        CHECK(said.find(std::string("xlate/protocol: interconnect.to.9050000.iommu: ") + what) != std::string::npos);
    };
    says("forgets", "an access came without the DmaAttributes extension that it was sent with");
    says("overtakes", "an access to registers was passed by a later one of the same initiator");
}

}  // namespace xlate::tests
