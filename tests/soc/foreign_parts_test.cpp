// Parts of a user's own in our SoC: their times are in the times of accesses, bytes and statistics are ours.
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <catch2/catch.hpp>

#include <stdexcept>

#include "soc/foreign/foreign.hpp"
#include "tests/soc/plain_bench.hpp"

namespace xlate::tests {

namespace {

using tlm::tlm_generic_payload;

/// Answers after `latency`, by b_transport; spoils what it is given to carry.
struct Spoiler final : sc_core::sc_module, soc::ForeignMemory {
    Spoiler(const sc_core::sc_module_name& name, const soc::ForeignMemorySetup& setup)
        : sc_core::sc_module(name), latency(soc::systemc_time(setup.time("latency", ns(30)))) {
        if (setup.number("refuse", 0) != 0) throw std::invalid_argument("I am not in the mood");
        if (setup.number("clock", 0) != 0) clock = std::make_unique<sc_core::sc_clock>("clock", latency);
        in.register_b_transport(this, &Spoiler::b_transport);
    }
    void b_transport(tlm_generic_payload& payload, sc_core::sc_time& delay) {
        wait(delay + latency);
        delay = sc_core::SC_ZERO_TIME;
        ++accesses;
        std::fill_n(payload.get_data_ptr(), payload.get_data_length(), static_cast<unsigned char>(0xEE));
        payload.set_response_status(tlm::TLM_OK_RESPONSE);
    }
    soc::ForeignTarget socket() override { return in; }
    soc::ForeignCounters counters() const override { return {{"accesses", accesses}}; }
    tlm_utils::simple_target_socket<Spoiler, 64> in{"in"};
    sc_core::sc_time latency;
    std::unique_ptr<sc_core::sc_clock> clock;
    std::uint64_t accesses = 0;
};

/// Reads the first lines of its region, one after the other.
struct Reader final : sc_core::sc_module, soc::ForeignMaster {
    SC_HAS_PROCESS(Reader);
    Reader(const sc_core::sc_module_name& name, const soc::ForeignMasterSetup& setup)
        : sc_core::sc_module(name), left(setup.number("reads", 3)) {
        SC_THREAD(run);
    }
    void run() {
        wait(go);
        for (std::uint64_t i = 0; left != 0; --left, ++i) {
            unsigned char data[64] = {};
            tlm_generic_payload payload;
            payload.set_read();
            payload.set_address(base + i * 64);
            payload.set_data_ptr(data);
            payload.set_data_length(64);
            payload.set_streaming_width(64);
            sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
            out->b_transport(payload, delay);
            first = data[0];
        }
    }
    soc::ForeignInitiator socket() override { return out; }
    void start(const std::vector<soc::DmaRegion>& regions) override {
        base = regions[0].iova.value;
        started = true;
        go.notify();
    }
    bool idle() const override { return !started || left == 0; }
    soc::ForeignCounters counters() const override { return {{"last_read", first}}; }
    tlm_utils::simple_initiator_socket<Reader, 128> out{"out"};
    sc_core::sc_event go;
    std::uint64_t base = 0, left, first = 0;
    bool started = false;
};

/// 2 ns forth and 1 ns back, any number at once.
struct Wires final : sc_core::sc_module, soc::ForeignInterconnect {
    Wires(const sc_core::sc_module_name& name, const soc::ForeignInterconnectSetup& setup)
        : sc_core::sc_module(name),
          map(setup.map),
          in("in", setup.initiators.size()),
          out("out", setup.targets.size()) {
        for (auto& socket : in) {
            socket.register_b_transport(this, &Wires::b_transport);
            socket.register_transport_dbg(this, &Wires::transport_dbg);
        }
    }
    void b_transport(tlm_generic_payload& payload, sc_core::sc_time& delay) {
        wait(delay + sc_core::sc_time(2, sc_core::SC_NS));
        delay = sc_core::SC_ZERO_TIME;
        const auto* to = map.find(payload.get_address(), payload.get_data_length());
        if (to == nullptr) {
            payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        } else {
            out[to->target_of(payload.get_address())]->b_transport(payload, delay);
        }
        wait(delay + sc_core::sc_time(1, sc_core::SC_NS));
        delay = sc_core::SC_ZERO_TIME;
    }
    unsigned transport_dbg(tlm_generic_payload& payload) {
        const auto* to = map.find(payload.get_address(), payload.get_data_length());
        return to == nullptr ? 0 : out[to->target_of(payload.get_address())]->transport_dbg(payload);
    }
    soc::ForeignTarget initiator(std::size_t index) override { return in[index]; }
    soc::ForeignInitiator target(std::size_t index) override { return out[index]; }
    soc::AddressMap map;
    sc_core::sc_vector<tlm_utils::simple_target_socket<Wires>> in;
    sc_core::sc_vector<tlm_utils::simple_initiator_socket<Wires>> out;
};

/// A factory of `Part`.
template <typename Part, typename Setup>
std::unique_ptr<Part> made(const Setup& setup) {
    return std::make_unique<Part>(setup.name.c_str(), setup);
}

void register_all() {
    soc::register_foreign_memory("spoiler", made<Spoiler, soc::ForeignMemorySetup>);
    soc::register_foreign_master("reader", made<Reader, soc::ForeignMasterSetup>);
    soc::register_foreign_interconnect("wires", made<Wires, soc::ForeignInterconnectSetup>);
}

std::string counters(const soc::SocStats& stats) {
    std::string text;
    for (const soc::ForeignStats& part : stats.foreign) {
        for (const auto& [name, value] : part.counters) text += fmt::format(" {}.{}={}", part.place, name, value);
    }
    return text;
}

}  // namespace

TEST_CASE("a foreign memory says when, and the bytes are ours") {
    register_all();
    soc::SocConfig config = one_master();
    config.foreign_memory.factory = "spoiler";
    CHECK(latencies(config) == "33 33 33 ");
    config.foreign_memory.options["latency"] = "50 ns";
    CHECK(latencies(config) == "53 53 53 ");
    config.foreign_memory.options["clock"] = "1";  // a clock of its own does not keep the run from ending
    CHECK(latencies(config) == "53 53 53 ");
    // Tables are read through it, and data: nothing of what it did to them is seen.
    config.payload = soc::PayloadMode::full;
    config.masters[0].traffic.read_share = {0, 1};
    const std::string text = in_child([&] {
        const firmware::Description board = SmmuBench::board({"a"});
        soc::Soc soc(board, config);
        SmmuBench::install(soc, 4);
        SmmuBench::enable(soc);
        soc.start_master("a", Iova{SmmuBench::kIova}, 4096);
        const bool ended = soc.run() == soc::Outcome::finished;
        std::uint8_t byte = 0;
        soc.peek(PhysAddr{SmmuBench::kPages + 64}, &byte, 1);  // the second transaction's first byte is 31
        const soc::SocStats stats = soc.stats();
        return fmt::format("{} {} {} {}{}", ended, byte, stats.masters[0].writes, stats.faults_total, counters(stats));
    });
    CHECK(text == "true 31 3 0 memory.accesses=8");
}

TEST_CASE("a foreign memory has as many channels as it is asked for, and a cache before it") {
    register_all();
    soc::SocConfig config = one_master();
    config.foreign_memory.factory = "spoiler";
    config.memory.channels = 2;
    config.masters[0].traffic.transfers = 8;
    const auto run = [&] {
        return in_child([&] {
            const firmware::Description board = untranslated({"a"});
            soc::Soc soc(board, config);
            soc.start_master("a", Iova{SmmuBench::kPages}, 512);
            soc.run();
            return counters(soc.stats());
        });
    };
    CHECK(run() == " memory.accesses=4 memory_1.accesses=4");
    config.system_cache.bytes = 4096;
    config.masters[0].traffic.transfers = 16;
    CHECK(run() == " memory.accesses=4 memory_1.accesses=4");
}

TEST_CASE("a foreign master has the statistics of any, before an IOMMU or without one") {
    register_all();
    soc::SocConfig config = one_master();
    config.masters[0].foreign.factory = "reader";
    CHECK(latencies(config) == "33 33 33 ");
    config.masters[0].foreign.options["reads"] = "5";
    soc::SocConfig own = one_master();
    own.masters[0].traffic.transfers = 5;
    own.masters[0].traffic.interval = {};
    CHECK(latencies(config, true) == latencies(own, true));
    const std::string text = in_child([&] {
        const firmware::Description board = untranslated({"a"});
        soc::Soc soc(board, config);
        const std::uint8_t byte = 77;
        soc.poke(PhysAddr{SmmuBench::kPages + 4 * 64}, &byte, 1);
        soc.start_master("a", Iova{SmmuBench::kPages}, 4096);
        soc.run();
        const soc::SocStats stats = soc.stats();
        std::uint64_t sum = 0;
        for (const std::uint64_t part : stats.masters[0].parts_fs) sum += part;
        return fmt::format("{} {} {} {}{}", stats.masters[0].reads, stats.masters[0].bytes, stats.transactions_lost,
                           sum == stats.masters[0].latency.sum_fs(), counters(stats));
    });
    CHECK(text == "5 320 0 true a.last_read=77");
}

TEST_CASE("a foreign interconnect stands in the crossbar's place, registers and all") {
    register_all();
    soc::SocConfig config = one_master();
    config.foreign_interconnect.factory = "wires";
    CHECK(latencies(config) == "33 33 33 ");
    soc::SocConfig own = one_master();
    CHECK(latencies(config, true) == latencies(own, true));
    // What leads nowhere is its to refuse.
    const std::string text = in_child([&] {
        const firmware::Description board = untranslated({"a"});
        soc::Soc soc(board, config);
        soc.start_master("a", Iova{0x1000}, 4096);
        soc.run();
        const soc::SocStats stats = soc.stats();
        return fmt::format("{} {}", stats.faults_total, stats.faults.at(0).reason);
    });
    CHECK(text == "3 DECODE_ERROR");
}

TEST_CASE("what runs beside foreign processes ends at its limits") {
    register_all();
    soc::SocConfig config = one_master();
    config.foreign_memory.factory = "spoiler";
    config.foreign_memory.options["clock"] = "1";
    config.masters[0].traffic.transfers = 1'000'000;
    const auto run = [&] {
        return in_child([&] {
            const firmware::Description board = untranslated({"a"});
            soc::Soc soc(board, config);
            soc.start_master("a", Iova{SmmuBench::kPages}, 4096);
            const soc::Outcome outcome = soc.run();
            return std::string(outcome == soc::Outcome::time_limit    ? "time"
                               : outcome == soc::Outcome::event_limit ? "events"
                                                                      : "other");
        });
    };
    config.limits.max_time = us(10);
    CHECK(run() == "time");
    config.limits = {};
    config.limits.max_events = 1000;
    CHECK(run() == "events");
}

TEST_CASE("a foreign part that is not there or says no is one finding") {
    soc::SocConfig config = one_master();
    config.foreign_memory.factory = "spoiller";
    CHECK(finding(config) ==
          "soc.memory.foreign: no foreign memory 'spoiller' is linked into this program; expected a program that "
          "registers one (register_foreign_memory)");
    register_all();
    CHECK(finding(config) ==
          "soc.memory.foreign: no foreign memory 'spoiller' is linked into this program; expected one of spoiler; did "
          "you mean 'spoiler'?");
    config.foreign_memory.factory = "spoiler";
    CHECK(finding(config) == "fine");
    config.fidelity = soc::Fidelity::fast;
    CHECK(finding(config) ==
          "soc.fidelity: fidelity: fast plans the ways of accesses, and no foreign part can be planned; expected "
          "soc.fidelity: exact");
    config.fidelity = soc::Fidelity::exact;
    config.foreign_memory.options["refuse"] = "1";
    CHECK(latencies(config) == "failed: soc.memory.foreign: the factory 'spoiler' says: I am not in the mood");
    config.foreign_memory.options = {{"latency", "5 parsec"}};
    CHECK(latencies(config) ==
          "failed: soc.memory.foreign: the factory 'spoiler' says: option 'latency': found '5 parsec', expected a time "
          "such as '50 ns'");
    config.foreign_memory.options = {{"latenzy", "5 ns"}};
    CHECK(latencies(config) ==
          "failed: soc.memory.foreign_options.latenzy: 'spoiler' has no such option; expected one of clock, latency, "
          "refuse; did you mean 'latency'?");
}

}  // namespace xlate::tests
