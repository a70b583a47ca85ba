#include "bench/smmu_tables.hpp"

#include <algorithm>
#include <stdexcept>

#include "iommu/smmuv3/layout.hpp"

namespace xlate::bench {
namespace {

using namespace iommu::smmuv3;

constexpr std::uint64_t kPageBytes = 4096;
constexpr unsigned kInputBits1 = 48, kInputBits2 = 39, kStartLevel1 = 0, kStartLevel2 = 1;

class Writer {
public:
    Writer(WordMemory& memory, std::uint64_t base, std::uint64_t limit) : memory_(memory), next_(base), limit_(limit) {}

    std::uint64_t next() const { return next_; }
    /// Untouched memory reads as zero.
    std::uint64_t take(std::uint64_t bytes) {
        const std::uint64_t at = next_;
        next_ += align_up(bytes, kPageBytes);
        if (next_ > limit_) throw std::runtime_error("the SMMU's tables outgrow their memory");
        return at;
    }
    void map(std::uint64_t root, unsigned start_level, std::uint64_t input, std::uint64_t leaf) {
        std::uint64_t table = root;
        for (unsigned level = start_level; level < 3; ++level) {
            const std::uint64_t at = entry(table, level, input);
            std::uint64_t descriptor = memory_.load(at);
            if (descriptor == 0) {
                descriptor = take(kPageBytes) | pte::TYPE_TABLE;
                memory_.store(at, descriptor);
            }
            table = keep(descriptor, 47, 12);
        }
        memory_.store(entry(table, 3, input), leaf);
    }
    template <std::size_t N>
    void words(std::uint64_t at, const std::array<std::uint64_t, N>& words) {
        for (std::size_t i = 0; i < N; ++i) memory_.store(at + 8 * i, words[i]);
    }

private:
    static std::uint64_t entry(std::uint64_t table, unsigned level, std::uint64_t input) {
        return table + 8 * (input >> level_shift(Granule::k4, level) & 511);
    }
    WordMemory& memory_;
    std::uint64_t next_;
    std::uint64_t limit_;
};

std::uint64_t stage1_leaf(std::uint64_t address) {
    return address | pte::TYPE_PAGE | pte::AttrIndx.of(0) | pte::AP1.of(1) | pte::SH.of(pte::SH_ISH) | pte::AF.of(1) |
           pte::nG.of(1);
}
std::uint64_t stage2_leaf(std::uint64_t address) {
    return address | pte::TYPE_PAGE | pte::MemAttr.of(0xF) | pte::S2AP.of(pte::S2AP_READ | pte::S2AP_WRITE) |
           pte::SH.of(pte::SH_ISH) | pte::AF.of(1);
}

CdWords context(std::uint64_t root, std::uint64_t asid) {
    CdWords words{};
    cd::T0SZ.set(words, 64 - kInputBits1);
    cd::TG0.set(words, cd::TG0_4K);
    cd::IR0.set(words, 1);
    cd::OR0.set(words, 1);
    cd::SH0.set(words, 3);
    cd::EPD1.set(words, 1);
    cd::V.set(words, 1);
    cd::IPS.set(words, 4);
    cd::AA64.set(words, 1);
    cd::R.set(words, 1);
    cd::A.set(words, 1);
    cd::ASET.set(words, 1);
    cd::ASID.set(words, asid);
    cd::TTB0.set_address(words, root);
    cd::MAIR.set(words, 0xFF);
    return words;
}

SteWords stream_entry(std::uint64_t context_at, bool nested, std::uint64_t root2) {
    SteWords words{};
    ste::V.set(words, 1);
    ste::Config.set(words, nested ? ste::CONFIG_NESTED : ste::CONFIG_S1);
    ste::S1ContextPtr.set_address(words, context_at);
    ste::S1CIR.set(words, 1);
    ste::S1COR.set(words, 1);
    ste::S1CSH.set(words, 3);
    ste::SHCFG.set(words, ste::SHCFG_INCOMING);
    if (nested) {
        ste::S2VMID.set(words, 1);
        ste::S2T0SZ.set(words, 64 - kInputBits2);
        ste::S2SL0.set(words, 1);
        ste::S2IR0.set(words, 1);
        ste::S2OR0.set(words, 1);
        ste::S2SH0.set(words, 3);
        ste::S2PS.set(words, 4);
        ste::S2AA64.set(words, 1);
        ste::S2AFFD.set(words, 1);
        ste::S2R.set(words, 1);
        ste::S2TTB.set_address(words, root2);
    }
    return words;
}

}  // namespace

SmmuTables write_smmu_tables(WordMemory& memory, std::uint64_t base, std::uint64_t limit,
                             const std::vector<StreamMapping>& streams, bool nested) {
    std::uint64_t last = 0;
    for (const StreamMapping& stream : streams) last = std::max<std::uint64_t>(last, value(stream.sid));
    const unsigned log2_streams = log2_ceil(last + 1);
    const std::uint64_t table_bytes = std::uint64_t{kSteBytes} << log2_streams;
    Writer writer{memory, align_up(base, std::max(table_bytes, kPageBytes)), limit};
    SmmuTables tables;
    tables.strtab_base = writer.take(table_bytes);
    tables.strtab_base_cfg = strtab_base_cfg::LOG2SIZE.of(log2_streams);
    const std::uint64_t contexts = writer.take(kCdBytes * streams.size());
    const std::uint64_t root2 = nested ? writer.take(kPageBytes) : 0;
    for (std::size_t i = 0; i < streams.size(); ++i) {
        const StreamMapping& stream = streams[i];
        const std::uint64_t root = writer.take(kPageBytes);
        for (std::uint64_t page = 0; page < stream.pages; ++page) {
            const std::uint64_t address = stream.address + page * kPageBytes;
            writer.map(root, kStartLevel1, stream.iova + page * kPageBytes, stage1_leaf(address));
            if (nested) writer.map(root2, kStartLevel2, address, stage2_leaf(address));
        }
        writer.words(contexts + kCdBytes * i, context(root, i + 1));
        writer.words(tables.strtab_base + kSteBytes * value(stream.sid),
                     stream_entry(contexts + kCdBytes * i, nested, root2));
    }
    if (nested) {  // stage 2 maps the tables of stage 1 too; its own grow while it does
        for (std::uint64_t at = tables.strtab_base; at < writer.next(); at += kPageBytes)
            writer.map(root2, kStartLevel2, at, stage2_leaf(at));
    }
    tables.end = writer.next();
    return tables;
}

}  // namespace xlate::bench
