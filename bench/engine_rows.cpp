// Rows for the SMMUv3 engine alone: no clock, no bus, memory served at once. What a translation costs before time.
#include <stdexcept>
#include <string>

#include "base/random.hpp"
#include "bench/plain_memory.hpp"
#include "bench/row.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "iommu/smmuv3/runner.hpp"

namespace xlate::bench {
namespace {

namespace smmuv3 = iommu::smmuv3;

constexpr std::uint64_t kPageBytes = 4096;
constexpr StreamId kStream{3};
constexpr std::uint64_t kStreamTable = 0x10000, kContext = 0x12000, kRoot1 = 0x14000, kRoot2 = 0x15000,
                        kFirstTable = 0x20000;
constexpr std::uint64_t kMemoryBytes = std::uint64_t{4} << 20;  // holds every table; payload is not touched
constexpr std::uint64_t kPayload = std::uint64_t{1} << 30;      // where the pages lie
constexpr unsigned kInputBits1 = 48, kInputBits2 = 39;

/// Page tables of 4 KiB pages in a plain memory.
class Tables {
public:
    explicit Tables(PlainMemory& memory) : memory_(memory) {}

    void map(std::uint64_t root, unsigned start_level, std::uint64_t input, std::uint64_t leaf) {
        std::uint64_t table = root;
        for (unsigned level = start_level; level < 3; ++level) {
            const std::uint64_t at = entry(table, level, input);
            if (memory_.load(at) == 0) {
                memory_.store(at, next_ | smmuv3::pte::TYPE_TABLE);
                next_ += kPageBytes;
                if (next_ > kMemoryBytes) throw std::logic_error("the tables outgrow their memory");
            }
            table = keep(memory_.load(at), 47, 12);
        }
        memory_.store(entry(table, 3, input), leaf);
    }

private:
    static std::uint64_t entry(std::uint64_t table, unsigned level, std::uint64_t input) {
        return table + 8 * (input >> smmuv3::level_shift(smmuv3::Granule::k4, level) & 511);
    }
    PlainMemory& memory_;
    std::uint64_t next_ = kFirstTable;
};

std::uint64_t stage1_leaf(std::uint64_t address) {
    using namespace smmuv3;
    return address | pte::TYPE_PAGE | pte::AttrIndx.of(0) | pte::AP1.of(1) | pte::SH.of(pte::SH_ISH) | pte::AF.of(1) |
           pte::nG.of(1);
}
std::uint64_t stage2_leaf(std::uint64_t address) {
    using namespace smmuv3;
    return address | pte::TYPE_PAGE | pte::MemAttr.of(0xF) | pte::S2AP.of(pte::S2AP_READ | pte::S2AP_WRITE) |
           pte::SH.of(pte::SH_ISH) | pte::AF.of(1);
}

/// An SMMU with one stream whose `pages` pages from IOVA 0 are mapped, in stage 1 or in both stages.
struct Setup {
    PlainMemory memory{kMemoryBytes};
    smmuv3::Smmu smmu;
    smmuv3::Translation translation;

    Setup(std::uint64_t pages, bool nested, bool walk_cache) : smmu(params(walk_cache)) {
        using namespace smmuv3;
        Tables tables{memory};
        for (std::uint64_t page = 0; page < pages; ++page) {
            const std::uint64_t address = kPayload + page * kPageBytes;
            tables.map(kRoot1, 0, page * kPageBytes, stage1_leaf(address));
            if (nested) tables.map(kRoot2, 1, address, stage2_leaf(address));
        }
        if (nested) {
            for (std::uint64_t at = 0; at < kMemoryBytes; at += kPageBytes) tables.map(kRoot2, 1, at, stage2_leaf(at));
        }
        write_stream(nested);
        smmu.write_register(reg::STRTAB_BASE, 8, kStreamTable);
        smmu.write_register(reg::STRTAB_BASE_CFG, 4, strtab_base_cfg::LOG2SIZE.of(4));
        smmu.write_register(reg::CR0, 4, cr0::SMMUEN.of(1));
        settle(smmu, memory);
    }

    std::uint64_t translate(std::uint64_t address, bool write) {
        iommu::Request request;
        request.sid = kStream;
        request.address = address;
        request.write = write;
        const iommu::Result& result = smmuv3::translate(translation, smmu, memory, request);
        if (result.response != iommu::Response::ok || result.pa.value != kPayload + address)
            throw std::runtime_error("a translation went wrong: fault " + std::to_string(result.fault));
        return result.pa.value;
    }

private:
    static smmuv3::SmmuParams params(bool walk_cache) {
        smmuv3::SmmuParams params;
        params.features = smmuv3::full_features();
        params.caches.walk_enabled = walk_cache;
        return params;
    }
    void write_stream(bool nested) {
        using namespace smmuv3;
        CdWords context{};
        cd::T0SZ.set(context, 64 - kInputBits1);
        cd::TG0.set(context, cd::TG0_4K);
        cd::IR0.set(context, 1);
        cd::OR0.set(context, 1);
        cd::SH0.set(context, 3);
        cd::EPD1.set(context, 1);
        cd::V.set(context, 1);
        cd::IPS.set(context, 5);
        cd::AA64.set(context, 1);
        cd::R.set(context, 1);
        cd::A.set(context, 1);
        cd::ASET.set(context, 1);
        cd::ASID.set(context, 1);
        cd::TTB0.set_address(context, kRoot1);
        cd::MAIR.set(context, 0xFF);
        SteWords stream{};
        ste::V.set(stream, 1);
        ste::Config.set(stream, nested ? ste::CONFIG_NESTED : ste::CONFIG_S1);
        ste::S1ContextPtr.set_address(stream, kContext);
        ste::S1CIR.set(stream, 1);
        ste::S1COR.set(stream, 1);
        ste::S1CSH.set(stream, 3);
        ste::SHCFG.set(stream, ste::SHCFG_INCOMING);
        if (nested) {
            ste::S2VMID.set(stream, 1);
            ste::S2T0SZ.set(stream, 64 - kInputBits2);
            ste::S2SL0.set(stream, 1);
            ste::S2IR0.set(stream, 1);
            ste::S2OR0.set(stream, 1);
            ste::S2SH0.set(stream, 3);
            ste::S2PS.set(stream, 5);
            ste::S2AA64.set(stream, 1);
            ste::S2AFFD.set(stream, 1);
            ste::S2R.set(stream, 1);
            ste::S2TTB.set_address(stream, kRoot2);
        }
        for (unsigned word = 0; word < 8; ++word) {
            memory.store(kContext + 8 * word, context[word]);
            memory.store(kStreamTable + kSteBytes * value(kStream) + 8 * word, stream[word]);
        }
    }
};

struct Shape {
    std::uint64_t pages = 16;
    bool nested = false;
    bool walk_cache = true;
};

Measured run_engine(const Shape& shape, std::uint64_t count) {
    Setup setup{shape.pages, shape.nested, shape.walk_cache};
    Rng rng{1, "bench.engine"};
    for (std::uint64_t page = 0; page < 16; ++page) setup.translate(page * kPageBytes, false);
    const std::uint64_t lines = shape.pages * kPageBytes / 64;
    const std::uint64_t reads_before = setup.smmu.counters.walk_reads;
    Measured measured;
    const double start = cpu_seconds();
    for (std::uint64_t i = 0; i < count; ++i) measured.checksum += setup.translate(64 * rng.below(lines), i % 10 >= 7);
    measured.seconds = cpu_seconds() - start;
    measured.units = count;
    const auto reads = static_cast<double>(setup.smmu.counters.walk_reads - reads_before);
    measured.add("walk_reads", reads / static_cast<double>(count));
    return measured;
}

}  // namespace

void add_engine_rows(std::vector<Row>& rows) {
    const auto add = [&rows](const char* name, const char* what, const Shape& shape, std::uint64_t count) {
        rows.push_back({name, "translation", what, count,
                        [shape](std::uint64_t translations) { return run_engine(shape, translations); }});
    };
    const std::uint64_t many = kRandomBytes / kPageBytes;
    add("engine/hits", "SMMUv3 engine alone, no time: 16 pages, TLB hits.", {16, false, true}, 3'000'000);
    add("engine/random", "256 MiB, random pages: misses with walks, walk cache on.", {many, false, true}, 1'000'000);
    add("engine/random/no_walk_cache", "The same, every walk reads four levels.", {many, false, false}, 500'000);
    add("engine/nested/hits", "Both stages, 16 pages, TLB hits.", {16, true, true}, 3'000'000);
    add("engine/nested/random", "Both stages, random pages, walk and IPA caches on.", {many, true, true}, 500'000);
    add("engine/nested/random/no_walk_cache", "Both stages, random pages, no walk cache.", {many, true, false},
        200'000);
}

}  // namespace xlate::bench
