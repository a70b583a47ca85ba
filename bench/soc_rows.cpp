// Rows for the timed machine: masters that run over tables which the bench wrote, without a kernel.
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/bits.hpp"
#include "bench/row.hpp"
#include "bench/smmu_tables.hpp"
#include "bench/trees.hpp"
#include "firmware/description.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "iommu/smmuv3/parameters.hpp"
#include "soc/soc.hpp"

namespace xlate::bench {
namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kIova = 0x10000000;                                  // of every master
constexpr std::uint64_t kPayload = kBoardMemory + (std::uint64_t{4} << 30);  // what is mapped; tables lie below

struct Load {
    std::uint32_t masters = 1;
    std::uint32_t smmus = 1;  ///< 0: no IOMMU in the machine
    soc::Pattern pattern = soc::Pattern::linear;
    std::uint64_t working_set_bytes = std::uint64_t{1} << 16;  ///< of each master
    std::uint32_t outstanding = 32;
    bool nested = false;
    bool full_payload = false;
    soc::Fidelity fidelity = soc::Fidelity::exact;
};

class SocMemory : public WordMemory {
public:
    explicit SocMemory(soc::Soc& soc) : soc_(soc) {}
    std::uint64_t load(std::uint64_t address) override {
        std::uint8_t bytes[8];
        if (!soc_.peek(PhysAddr{address}, bytes, sizeof bytes))
            throw std::runtime_error("the tables lie outside memory");
        return load_le(bytes, sizeof bytes);
    }
    void store(std::uint64_t address, std::uint64_t word) override {
        std::uint8_t bytes[8];
        store_le(bytes, sizeof bytes, word);
        if (!soc_.poke(PhysAddr{address}, bytes, sizeof bytes))
            throw std::runtime_error("the tables lie outside memory");
    }

private:
    soc::Soc& soc_;
};

std::string master_name(std::uint32_t master) { return fmt::format("{:x}.dma", board_master_address(master)); }

soc::SocConfig config_of(const Load& load, const firmware::Description& board, std::uint64_t transactions) {
    soc::SocConfig config;
    config.fidelity = load.fidelity;
    if (load.nested) config.iommu.hardware.smmuv3 = iommu::smmuv3::full_features();
    config.payload = load.full_payload ? soc::PayloadMode::full : soc::PayloadMode::timing_only;
    for (std::uint32_t i = 0; i < load.masters; ++i) {
        const std::string path = fmt::format("/dma@{:x}", board_master_address(i));
        const auto node = std::find_if(board.nodes.begin(), board.nodes.end(),
                                       [&](const firmware::Node& each) { return each.path == path; });
        soc::MasterConfig master;
        master.device = master_name(i);
        master.node = static_cast<firmware::NodeIndex>(node - board.nodes.begin());
        master.traffic.pattern = load.pattern;
        master.traffic.read_share = {7, 10};
        master.traffic.outstanding = std::max<std::uint32_t>(1, load.outstanding / load.masters);
        master.traffic.transfers = transactions / load.masters;
        // Together they offer one transaction a nanosecond, whatever their number: the load per resource stays alike.
        master.traffic.interval = ns(load.masters);
        config.masters.push_back(master);
    }
    return config;
}

void program(soc::Soc& soc, const Load& load) {
    using namespace iommu::smmuv3;
    SocMemory memory{soc};
    std::uint64_t next = kBoardMemory;
    const std::uint64_t pages = load.working_set_bytes / kPageBytes;
    for (std::uint32_t smmu = 0; smmu < load.smmus; ++smmu) {
        std::vector<StreamMapping> streams;
        for (std::uint32_t master = smmu; master < load.masters; master += load.smmus) {
            streams.push_back(
                {StreamId{master / load.smmus}, kIova, kPayload + master * load.working_set_bytes, pages});
        }
        const SmmuTables tables = write_smmu_tables(memory, next, kPayload, streams, load.nested);
        next = tables.end;
        const std::uint64_t registers = board_smmu_address(smmu);
        soc.poke_register(PhysAddr{registers + reg::STRTAB_BASE}, 8, tables.strtab_base);
        soc.poke_register(PhysAddr{registers + reg::STRTAB_BASE_CFG}, 4, tables.strtab_base_cfg);
        soc.poke_register(PhysAddr{registers + reg::CR0}, 4, cr0::SMMUEN.of(1));
    }
}

Measured run_soc(const Load& load, std::uint64_t transactions) {
    const firmware::Description board = firmware::read_device_tree(board_tree(load.masters, load.smmus), "board.dtb");
    soc::Soc soc{board, config_of(load, board, transactions)};
    program(soc, load);
    for (std::uint32_t i = 0; i < load.masters; ++i) {
        const std::uint64_t start = load.smmus > 0 ? kIova : kPayload + i * load.working_set_bytes;
        soc.start_master(master_name(i), Iova{start}, load.working_set_bytes);
    }
    Measured measured;
    const double start = cpu_seconds();
    const soc::Outcome outcome = soc.run();
    measured.seconds = cpu_seconds() - start;
    const soc::SocStats stats = soc.stats();
    std::uint64_t latency_fs = 0;
    for (const soc::MasterStats& master : stats.masters) {
        measured.units += master.reads + master.writes;
        for (const std::uint64_t part : master.parts_fs) latency_fs += part;
    }
    if (outcome != soc::Outcome::finished || stats.faults_total != 0 ||
        measured.units != transactions / load.masters * load.masters)
        throw std::runtime_error(
            fmt::format("{} transactions of {}, {} faults", measured.units, transactions, stats.faults_total));
    measured.checksum = stats.digest;
    const auto units = static_cast<double>(measured.units);
    measured.add("events", static_cast<double>(stats.events) / units);
    measured.add("sim_latency_ns", static_cast<double>(latency_fs) / 1e6 / units);
    if (!stats.iommus.empty()) {
        double walk_reads = 0;
        for (const soc::IommuStats& iommu : stats.iommus) walk_reads += static_cast<double>(iommu.walk_reads);
        measured.add("walk_reads", walk_reads / units);
    }
    return measured;
}

}  // namespace

void add_soc_rows(std::vector<Row>& rows) {
    // Each load in both fidelities: soc/hits and soc/fast/hits.
    const auto add = [&rows](const std::string& name, const std::string& what, const Load& load, std::uint64_t count) {
        for (const soc::Fidelity fidelity : {soc::Fidelity::exact, soc::Fidelity::fast}) {
            Load own = load;
            own.fidelity = fidelity;
            const bool fast = fidelity == soc::Fidelity::fast;
            rows.push_back({(fast ? "soc/fast/" : "soc/") + name, "transaction", (fast ? "fast: " : "exact: ") + what,
                            count, [own](std::uint64_t transactions) { return run_soc(own, transactions); }});
        }
    };
    Load load;
    load.smmus = 0;
    add("no_iommu", "one master, crossbar and memory, without an IOMMU.", load, 500'000);
    load.smmus = 1;
    add("hits", "one master behind an SMMUv3, 64 KiB linear, TLB hits; statistics and ledger on.", load, 500'000);
    Load payload = load;
    payload.full_payload = true;
    add("hits/payload", "The same, bytes moved through simulated memory.", payload, 500'000);
    Load strided = load;
    strided.pattern = soc::Pattern::strided;
    strided.working_set_bytes = std::uint64_t{16} << 20;
    add("strided", "a new page each time, 16 MiB.", strided, 200'000);
    Load random = load;
    random.pattern = soc::Pattern::random;
    random.working_set_bytes = kRandomBytes;
    add("random", "random pages of 256 MiB, walks over the bus.", random, 200'000);
    Load random_payload = random;
    random_payload.full_payload = true;
    add("random/payload", "The same, bytes moved through simulated memory.", random_payload, 200'000);
    Load nested = load;
    nested.nested = true;
    add("nested/hits", "both stages, TLB hits.", nested, 500'000);
    nested.pattern = soc::Pattern::random;
    nested.working_set_bytes = kRandomBytes;
    add("nested/random", "both stages, random pages.", nested, 100'000);
    for (const std::uint32_t masters : {4U, 64U, 1024U}) {
        Load many = load;
        many.masters = masters;
        many.outstanding = std::max(32U, masters);
        const std::string name = "hits/masters/" + std::to_string(masters);
        add(name, "so many masters behind one SMMU, hits.", many, 200'000);
        if (masters == 1024)
            add(name + "/long", "The same, ten times as long: first touches count less.", many, 2'000'000);
    }
    for (const std::uint32_t smmus : {4U, 64U}) {
        Load many = load;
        many.masters = 64;
        many.smmus = smmus;
        many.outstanding = 64;
        const std::string name = "hits/smmus/" + std::to_string(smmus);
        add(name, "64 masters behind so many SMMUs, hits.", many, 200'000);
    }
}

}  // namespace xlate::bench
