// The xlate command with parts of our own, which a config asks for by `foreign: NAME`:
//   open-page      a memory: a simulator of DRAM with a clock, a queue and a call-back, as DRAMsim3 and Ramulator have
//   slow-bus       an interconnect: one access at a time, so long each
//   vector-adder   a master by b_transport: writes two vectors, reads them back, writes their sum, and checks it
//   trace-player   a master by nb_transport: plays lines "TIME_NS OFFSET SIZE r|w" of a file
// It is used as xlate is: my_xlate run dram.yaml
#include <tlm_utils/peq_with_cb_and_phase.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <systemc>
#include <tlm>

#include <cstdint>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <xlate/cli/command.hpp>
#include <xlate/soc/foreign/foreign.hpp>

using sc_core::sc_time;
using tlm::tlm_generic_payload;
using namespace xlate::soc;

/// Stands for a DRAM simulator from elsewhere: no SystemC, a tick at a time, a call when an access is done.
class DramSimulator {
public:
    std::function<void(std::uint64_t id)> done;
    std::uint64_t row_hits = 0, row_misses = 0;

    DramSimulator(unsigned hit_ticks, unsigned miss_ticks) : hit_ticks_(hit_ticks), miss_ticks_(miss_ticks) {}
    bool room() const { return queue_.size() < 32; }
    void add(std::uint64_t id, std::uint64_t address) { queue_.push_back({id, address}); }
    bool busy() const { return !queue_.empty(); }
    void tick() {
        if (left_ == 0 && !queue_.empty()) {
            std::uint64_t& open = open_[queue_.front().address >> 13 & 7];
            const bool hit = open == queue_.front().address >> 16;
            open = queue_.front().address >> 16;
            ++(hit ? row_hits : row_misses);
            left_ = hit ? hit_ticks_ : miss_ticks_;
        }
        if (left_ == 0 || --left_ != 0) return;
        const std::uint64_t id = queue_.front().id;
        queue_.pop_front();
        done(id);
    }

private:
    struct Access {
        std::uint64_t id, address;
    };
    std::deque<Access> queue_;
    std::uint64_t open_[8] = {};
    unsigned hit_ticks_, miss_ticks_, left_ = 0;
};

/// Its adapter: a target socket, and a clock that runs while there is something to do.
class OpenPage : public sc_core::sc_module, public ForeignMemory {
public:
    OpenPage(const sc_core::sc_module_name& name, const ForeignMemorySetup& setup)
        : sc_core::sc_module(name),
          tick_(systemc_time(setup.time("tick", xlate::ns(1)))),
          simulator_(static_cast<unsigned>(setup.number("hit", 15)), static_cast<unsigned>(setup.number("miss", 45))) {
        SC_HAS_PROCESS(OpenPage);
        in.register_nb_transport_fw(this, &OpenPage::nb_transport_fw);
        simulator_.done = [this](std::uint64_t id) { answer(*under_way_[id]); };
        SC_METHOD(clock);
        sensitive << next_tick_;
        dont_initialize();
    }
    tlm_utils::simple_target_socket<OpenPage, 64> in{"in"};
    ForeignTarget socket() override { return in; }
    ForeignCounters counters() const override {
        return {{"row_hits", simulator_.row_hits}, {"row_misses", simulator_.row_misses}};
    }

private:
    tlm::tlm_sync_enum nb_transport_fw(tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_time&) {
        if (phase != tlm::BEGIN_REQ) return tlm::TLM_COMPLETED;
        payload.acquire();
        if (!simulator_.room()) {
            door_ = &payload;
            return tlm::TLM_ACCEPTED;  // END_REQ comes when there is room
        }
        enter(payload);
        phase = tlm::END_REQ;
        return tlm::TLM_UPDATED;
    }
    void enter(tlm_generic_payload& payload) {
        std::size_t id = 0;
        while (id < under_way_.size() && under_way_[id] != nullptr) ++id;
        if (id == under_way_.size()) under_way_.push_back(nullptr);
        under_way_[id] = &payload;
        if (!simulator_.busy()) next_tick_.notify(tick_);
        simulator_.add(id, payload.get_address());
    }
    void clock() {
        simulator_.tick();
        if (simulator_.busy()) next_tick_.notify(tick_);
    }
    void answer(tlm_generic_payload& payload) {
        for (tlm_generic_payload*& one : under_way_) one = one == &payload ? nullptr : one;
        payload.set_response_status(tlm::TLM_OK_RESPONSE);  // the bytes are xlate's
        tlm::tlm_phase phase = tlm::BEGIN_RESP;
        sc_time delay = sc_core::SC_ZERO_TIME;
        in->nb_transport_bw(payload, phase, delay);
        payload.release();
        if (door_ == nullptr) return;
        tlm_generic_payload& waiting = *door_;
        door_ = nullptr;
        enter(waiting);
        phase = tlm::END_REQ;
        in->nb_transport_bw(waiting, phase, delay);
    }

    sc_time tick_;
    DramSimulator simulator_;
    std::vector<tlm_generic_payload*> under_way_;
    tlm_generic_payload* door_ = nullptr;
    sc_core::sc_event next_tick_;
};

/// One access at a time from whichever port, by b_transport inwards: the simplest interconnect there is. It keeps what
/// an interconnect promises (ForeignInterconnect): payloads pass as they came, with their extensions, and one port's
/// accesses follow one another.
class SlowBus : public sc_core::sc_module, public ForeignInterconnect {
public:
    SlowBus(const sc_core::sc_module_name& name, const ForeignInterconnectSetup& setup)
        : sc_core::sc_module(name),
          map_(setup.map),
          each_(systemc_time(setup.time("each", xlate::ns(10)))),
          in_("in", setup.initiators.size()),
          out_("out", setup.targets.size()) {
        SC_HAS_PROCESS(SlowBus);
        for (std::size_t i = 0; i < in_.size(); ++i) {
            in_[i].register_b_transport(this, &SlowBus::b_transport);  // tlm_utils makes nb_transport of it
            in_[i].register_transport_dbg(this, &SlowBus::transport_dbg);
        }
    }
    ForeignTarget initiator(std::size_t index) override { return in_[index]; }
    ForeignInitiator target(std::size_t index) override { return out_[index]; }
    ForeignCounters counters() const override { return {{"accesses", accesses_}}; }

private:
    void b_transport(tlm_generic_payload& payload, sc_time& delay) {
        wait(delay);
        delay = sc_core::SC_ZERO_TIME;
        bus_.lock();
        wait(each_);
        ++accesses_;
        bus_.unlock();
        const AddressMap::Range* to = map_.find(payload.get_address(), payload.get_data_length());
        if (to == nullptr) {
            payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        } else {
            out_[to->target_of(payload.get_address())]->b_transport(payload, delay);
        }
    }
    unsigned transport_dbg(tlm_generic_payload& payload) {
        const AddressMap::Range* to = map_.find(payload.get_address(), payload.get_data_length());
        return to == nullptr ? 0 : out_[to->target_of(payload.get_address())]->transport_dbg(payload);
    }

    AddressMap map_;
    sc_time each_;
    sc_core::sc_mutex bus_;
    sc_core::sc_vector<tlm_utils::simple_target_socket<SlowBus>> in_;
    sc_core::sc_vector<tlm_utils::simple_initiator_socket<SlowBus>> out_;
    std::uint64_t accesses_ = 0;
};

/// c[i] = a[i] + b[i] over what its driver mapped, which holds the three of them.
class VectorAdder : public sc_core::sc_module, public ForeignMaster {
public:
    VectorAdder(const sc_core::sc_module_name& name, const ForeignMasterSetup& setup)
        : sc_core::sc_module(name),
          elements_(setup.number("elements", 256)),
          compute_(systemc_time(setup.time("compute", xlate::ns(4)))) {
        if (elements_ == 0 || elements_ > 4096) throw std::invalid_argument("1 to 4096 elements");
        SC_HAS_PROCESS(VectorAdder);
        SC_THREAD(run);
    }
    tlm_utils::simple_initiator_socket<VectorAdder> out{"out"};
    ForeignInitiator socket() override { return out; }
    void start(const std::vector<DmaRegion>& regions) override {
        base_ = regions.front().iova.value;
        busy_ = true;
        go_.notify();
    }
    bool idle() const override { return !busy_; }
    ForeignCounters counters() const override { return {{"added", added_}, {"wrong", wrong_}, {"errors", errors_}}; }

private:
    std::uint64_t access(bool write, std::uint64_t index, std::uint64_t word = 0) {
        tlm_generic_payload payload;
        payload.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
        payload.set_address(base_ + index * 8);
        payload.set_data_ptr(reinterpret_cast<unsigned char*>(&word));
        payload.set_data_length(8);
        payload.set_streaming_width(8);
        sc_time delay = sc_core::SC_ZERO_TIME;
        out->b_transport(payload, delay);
        if (!payload.is_response_ok()) ++errors_;
        return word;
    }
    void run() {
        for (;;) {
            wait(go_);
            for (std::uint64_t i = 0; i < 2 * elements_; ++i) access(true, i, i * i);
            for (std::uint64_t i = 0; i < elements_; ++i) {
                const std::uint64_t sum = access(false, i) + access(false, elements_ + i);
                wait(compute_);
                access(true, 2 * elements_ + i, sum);
                const std::uint64_t other = elements_ + i;
                if (access(false, 2 * elements_ + i) != i * i + other * other) ++wrong_;
                ++added_;
            }
            busy_ = false;
        }
    }

    std::uint64_t elements_, base_ = 0, added_ = 0, wrong_ = 0, errors_ = 0;
    sc_time compute_;
    bool busy_ = false;
    sc_core::sc_event go_;
};

/// Each line when its time has come; END_REQ of the one before has to be there.
class TracePlayer : public sc_core::sc_module, public ForeignMaster, private tlm::tlm_mm_interface {
public:
    TracePlayer(const sc_core::sc_module_name& name, const ForeignMasterSetup& setup) : sc_core::sc_module(name) {
        SC_HAS_PROCESS(TracePlayer);
        const std::string file = setup.text("file", "");
        std::ifstream lines(file);
        if (!lines) throw std::invalid_argument("cannot read the file '" + file + "'");
        Line line;
        for (std::string op; lines >> line.time_ns >> std::hex >> line.offset >> std::dec >> line.size >> op;) {
            line.write = op == "w";
            lines_.push_back(line);
        }
        if (!lines.eof()) throw std::invalid_argument(file + ": line " + std::to_string(lines_.size() + 1));
        out.register_nb_transport_bw(this, &TracePlayer::nb_transport_bw);
        SC_THREAD(run);
    }
    tlm_utils::simple_initiator_socket<TracePlayer, 128> out{"out"};
    ForeignInitiator socket() override { return out; }
    void start(const std::vector<DmaRegion>& regions) override {
        base_ = regions.front().iova.value;
        busy_ = true;
        go_.notify();
    }
    bool idle() const override { return !busy_ && under_way_ == 0; }
    ForeignCounters counters() const override { return {{"played", played_}}; }

private:
    struct Line {
        double time_ns = 0;
        std::uint64_t offset = 0;
        unsigned size = 64;
        bool write = false;
    };
    void run() {
        wait(go_);
        const sc_time begun = sc_core::sc_time_stamp();
        for (const Line& line : lines_) {
            const sc_time at = begun + sc_time(line.time_ns, sc_core::SC_NS);
            if (at > sc_core::sc_time_stamp()) wait(at - sc_core::sc_time_stamp());
            while (request_) wait(request_over_);
            auto* payload = new tlm_generic_payload(this);
            payload->acquire();
            payload->set_command(line.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
            payload->set_address(base_ + line.offset);
            payload->set_data_ptr(data_);
            payload->set_data_length(line.size);
            payload->set_streaming_width(line.size);
            tlm::tlm_phase phase = tlm::BEGIN_REQ;
            sc_time delay = sc_core::SC_ZERO_TIME;
            request_ = true;
            ++under_way_;
            ++played_;
            if (out->nb_transport_fw(*payload, phase, delay) != tlm::TLM_ACCEPTED) request_ = false;
        }
        busy_ = false;
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_time&) {
        request_ = false;
        request_over_.notify();
        if (phase == tlm::END_REQ) return tlm::TLM_ACCEPTED;
        --under_way_;
        payload.release();
        return tlm::TLM_COMPLETED;
    }
    void free(tlm_generic_payload* payload) override { delete payload; }

    std::vector<Line> lines_;
    unsigned char data_[4096] = {};
    std::uint64_t base_ = 0, played_ = 0, under_way_ = 0;
    bool busy_ = false, request_ = false;
    sc_core::sc_event go_, request_over_;
};

int main(int argc, char* argv[]) {
    register_foreign_memory("open-page", [](const ForeignMemorySetup& setup) {
        return std::make_unique<OpenPage>(setup.name.c_str(), setup);
    });
    register_foreign_interconnect("slow-bus", [](const ForeignInterconnectSetup& setup) {
        return std::make_unique<SlowBus>(setup.name.c_str(), setup);
    });
    register_foreign_master("vector-adder", [](const ForeignMasterSetup& setup) {
        return std::make_unique<VectorAdder>(setup.name.c_str(), setup);
    });
    register_foreign_master("trace-player", [](const ForeignMasterSetup& setup) {
        return std::make_unique<TracePlayer>(setup.name.c_str(), setup);
    });
    return xlate::cli::cli_main(argc, argv);
}
