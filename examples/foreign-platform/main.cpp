// A virtual platform that is not xlate's: an initiator and a memory written with tlm_utils alone, and xlate's SMMUv3
// between them. The SMMU is programmed as Linux does it (a two-level stream table, one context descriptor, four levels
// of tables), the initiator reads 64 KiB twice 64 times by 64 bytes, and what it read and how long it took is printed.
//   main [lt|at] [ps|fs]
#include <tlm_utils/multi_passthrough_target_socket.h>
#include <tlm_utils/peq_with_cb_and_phase.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <systemc>
#include <tlm>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include <xlate/iommu/smmuv3/layout.hpp>
#include <xlate/soc/modules/iommu.hpp>

namespace smmu = xlate::iommu::smmuv3;
using sc_core::sc_time;
using tlm::tlm_generic_payload;

constexpr std::uint64_t kRegisters = 0x9050000, kMemory = 0x40000000;
constexpr std::uint64_t kStreamTable = kMemory, kStreams = kMemory + 0x10000, kContext = kMemory + 0x20000,
                        kTables = kMemory + 0x30000, kPages = kMemory + 0x100000;
constexpr std::uint64_t kIova = 0xFFFF0000, kBytes = 0x10000;
constexpr std::uint32_t kStream = 0x8000, kAccesses = 2048, kSize = 64;

/// 16 MiB that answer after 34 ns, as many at once as are sent.
struct Memory : sc_core::sc_module {
    tlm_utils::multi_passthrough_target_socket<Memory> socket{"socket"};

    explicit Memory(const sc_core::sc_module_name& name)
        : sc_core::sc_module(name), bytes_(16 << 20), queue_(this, &Memory::answer) {
        socket.register_nb_transport_fw(this, &Memory::nb_transport_fw);
        socket.register_transport_dbg(this, &Memory::transport_dbg);
    }
    void store(std::uint64_t address, std::uint64_t word) { std::memcpy(&bytes_[address - kMemory], &word, 8); }
    template <std::size_t N>
    void store(std::uint64_t address, const std::array<std::uint64_t, N>& words) {
        for (std::size_t i = 0; i < N; ++i) store(address + 8 * i, words[i]);
    }

private:
    void access(tlm_generic_payload& payload) {
        unsigned char* here = &bytes_[payload.get_address() - kMemory];
        if (payload.is_write()) std::memcpy(here, payload.get_data_ptr(), payload.get_data_length());
        if (payload.is_read()) std::memcpy(payload.get_data_ptr(), here, payload.get_data_length());
        payload.set_response_status(tlm::TLM_OK_RESPONSE);
    }
    tlm::tlm_sync_enum nb_transport_fw(int from, tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_time& delay) {
        if (phase != tlm::BEGIN_REQ) return tlm::TLM_COMPLETED;
        from_.push_back({&payload, from});
        queue_.notify(payload, tlm::BEGIN_RESP, delay + sc_time(34, sc_core::SC_NS));
        phase = tlm::END_REQ;
        return tlm::TLM_UPDATED;
    }
    void answer(tlm_generic_payload& payload, const tlm::tlm_phase& phase) {
        int from = 0;
        for (auto one = from_.begin(); one != from_.end(); ++one) {
            if (one->payload != &payload) continue;
            from = one->socket;
            from_.erase(one);
            break;
        }
        access(payload);
        tlm::tlm_phase begin = phase;
        sc_time delay = sc_core::SC_ZERO_TIME;
        socket[from]->nb_transport_bw(payload, begin, delay);
    }
    unsigned transport_dbg(int, tlm_generic_payload& payload) {
        access(payload);
        return payload.get_data_length();
    }
    struct From {
        const tlm_generic_payload* payload;
        int socket;
    };
    std::vector<unsigned char> bytes_;
    std::vector<From> from_;
    tlm_utils::peq_with_cb_and_phase<Memory> queue_;
};

/// Reads one piece after the other, by b_transport (LT) or by nb_transport (AT).
struct Initiator : sc_core::sc_module, tlm::tlm_mm_interface {
    tlm_utils::simple_initiator_socket<Initiator> socket{"socket"};
    SC_HAS_PROCESS(Initiator);

    Initiator(const sc_core::sc_module_name& name, bool at) : sc_core::sc_module(name), at_(at) {
        socket.register_nb_transport_bw(this, &Initiator::nb_transport_bw);
        SC_THREAD(run);
    }
    std::vector<double> latencies_ns;
    unsigned wrong = 0;

private:
    void run() {
        tlm_generic_payload payload(this);
        payload.acquire();
        unsigned char data[kSize];
        for (std::uint32_t i = 0; i < kAccesses; ++i) {
            const std::uint64_t offset = i * std::uint64_t{kSize} % kBytes;
            payload.set_read();
            payload.set_address(kIova + offset);
            payload.set_data_ptr(data);
            payload.set_data_length(kSize);
            payload.set_streaming_width(kSize);
            payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
            const sc_time start = sc_core::sc_time_stamp();
            sc_time delay = sc_core::SC_ZERO_TIME;
            if (at_) {
                tlm::tlm_phase phase = tlm::BEGIN_REQ;
                socket->nb_transport_fw(payload, phase, delay);
                wait(answered_);
            } else {
                socket->b_transport(payload, delay);
                wait(delay);
            }
            latencies_ns.push_back((sc_core::sc_time_stamp() - start).to_seconds() * 1e9);
            const auto expected = static_cast<unsigned char>(offset / kSize);
            if (!payload.is_response_ok() || data[0] != expected || data[kSize - 1] != expected) ++wrong;
        }
        payload.release();
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm_generic_payload&, tlm::tlm_phase& phase, sc_time& delay) {
        if (phase == tlm::END_REQ) return tlm::TLM_ACCEPTED;
        answered_.notify(delay);
        return tlm::TLM_COMPLETED;
    }
    void free(tlm_generic_payload*) override {}

    bool at_;
    sc_core::sc_event answered_;
};

/// What a CPU would do: tables into memory, registers by the debug interface.
struct Software : sc_core::sc_module {
    tlm_utils::simple_initiator_socket<Software> socket{"socket"};
    explicit Software(const sc_core::sc_module_name& name) : sc_core::sc_module(name) {}

    void write_register(std::uint64_t offset, std::uint64_t value, unsigned size) {
        tlm_generic_payload payload;
        payload.set_write();
        payload.set_address(kRegisters + offset);
        payload.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
        payload.set_data_length(size);
        socket->transport_dbg(payload);
    }
    void program(Memory& memory) {
        using namespace smmu;
        memory.store(kStreamTable + (kStream >> 8) * 8, kStreams | 9);  // an L2 table of 256 entries
        SteWords entry{};
        ste::V.set(entry, 1);
        ste::Config.set(entry, ste::CONFIG_S1);
        ste::S1ContextPtr.set_address(entry, kContext);
        memory.store(kStreams + (kStream & 255) * kSteBytes, entry);
        CdWords context{};
        cd::V.set(context, 1);
        cd::AA64.set(context, 1);
        cd::T0SZ.set(context, 16);
        cd::EPD1.set(context, 1);
        cd::IPS.set(context, 4);
        cd::A.set(context, 1);
        cd::R.set(context, 1);
        cd::ASID.set(context, 1);
        cd::TTB0.set_address(context, kTables);
        cd::MAIR.set(context, 0xFF);
        memory.store(kContext, context);
        for (unsigned level = 0; level < 3; ++level) {
            const std::uint64_t index = (kIova >> (39 - 9 * level)) & 511;
            memory.store(kTables + level * 4096 + index * 8,
                         (kTables + (level + 1) * 4096) | pte::TYPE.of(pte::TYPE_TABLE));
        }
        for (std::uint64_t page = 0; page < kBytes; page += 4096) {
            memory.store(kTables + 3 * 4096 + ((kIova + page) >> 12 & 511) * 8,
                         (kPages + page) | pte::TYPE.of(pte::TYPE_PAGE) | pte::AF.of(1) | pte::AP1.of(1) |
                             pte::SH.of(pte::SH_ISH) | pte::nG.of(1));
        }
        for (std::uint64_t i = 0; i < kBytes; i += 8) memory.store(kPages + i, (i / kSize & 255) * 0x0101010101010101);
        write_register(reg::STRTAB_BASE, kStreamTable, 8);
        write_register(reg::STRTAB_BASE_CFG, (1 << 16) | (8 << 6) | 16, 4);  // two levels, 8 bits in the second
        write_register(reg::CR0, cr0::SMMUEN.mask(), 4);
    }
};

int sc_main(int argc, char* argv[]) {
    const std::string style = argc > 1 ? argv[1] : "lt", unit = argc > 2 ? argv[2] : "ps";
    sc_core::sc_set_time_resolution(1, unit == "fs" ? sc_core::SC_FS : sc_core::SC_PS);

    xlate::soc::World world("world");
    xlate::soc::IommuSetup setup;
    setup.register_base = kRegisters;
    setup.masters = {{"video", kStream, {}}};
    xlate::soc::Iommu<> smmu("smmu", world, setup);
    Memory memory("memory");
    Initiator initiator("initiator", style == "at");
    Software software("software");
    initiator.socket.bind(smmu.masters[0]);
    software.socket.bind(smmu.registers);
    for (auto& out : smmu.memory) out.bind(memory.socket);

    software.program(memory);
    sc_core::sc_start();

    double sum = 0, least = 1e9, most = 0;
    for (const double latency : initiator.latencies_ns) {
        sum += latency;
        least = std::min(least, latency);
        most = std::max(most, latency);
    }
    const auto count = initiator.latencies_ns.size();
    std::printf(
        "{ \"initiator\": \"%s\", \"resolution\": \"1 %s\", \"reads\": %zu, \"wrong\": %u, \"min\": %.3f, "
        "\"mean\": %.3f, \"max\": %.3f }\n",
        style.c_str(), unit.c_str(), count, initiator.wrong, least, sum / static_cast<double>(count), most);
    return initiator.wrong == 0 && count == kAccesses ? 0 : 1;
}
