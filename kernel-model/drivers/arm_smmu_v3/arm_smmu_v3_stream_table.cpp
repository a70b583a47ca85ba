#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_stream_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "kernel-model/core/late_memory.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::kernel {

namespace smmu = iommu::smmuv3;
namespace ste = iommu::smmuv3::ste;

namespace {

constexpr std::uint64_t kCacheWriteBack = 1, kInnerShareable = 3;
/// Of a second-level table: 2^(span - 1) entries.
constexpr std::uint64_t kSpan = ArmSmmuStreamTable::kSplit + 1;

}  // namespace

ArmSmmuStreamTable::ArmSmmuStreamTable(Kernel& kernel, PageAllocator& pages, ArmSmmuCmdq& cmdq, std::string prefix,
                                       const Mistakes& mistakes)
    : kernel_(kernel), pages_(pages), cmdq_(cmdq), prefix_(std::move(prefix)), mistakes_(mistakes) {}

int ArmSmmuStreamTable::init(unsigned sid_bits, bool two_level, bool abort_unknown) {
    two_level_ = two_level;
    abort_unknown_ = abort_unknown;
    unsigned log2_size = sid_bits;
    std::uint64_t bytes = 0;
    if (two_level) {
        const unsigned l1_bits = std::min(kMaxL1Log2, sid_bits - kSplit);
        log2_size = l1_bits + kSplit;
        if (log2_size < sid_bits) {
            kernel_.console.warn(prefix_, "2-level strtab only covers {}/{} bits of SID", log2_size, sid_bits);
        }
        bytes = std::uint64_t{smmu::l1std::kBytes} << l1_bits;
        config_ = static_cast<std::uint32_t>(smmu::strtab_base_cfg::FMT.of(smmu::strtab_base_cfg::FMT_2LVL) |
                                             smmu::strtab_base_cfg::SPLIT.of(kSplit));
    } else {
        bytes = std::uint64_t{smmu::kSteBytes} << sid_bits;
        config_ = static_cast<std::uint32_t>(smmu::strtab_base_cfg::FMT.of(smmu::strtab_base_cfg::FMT_LINEAR));
    }
    config_ |= static_cast<std::uint32_t>(smmu::strtab_base_cfg::LOG2SIZE.of(log2_size));
    limit_ = std::uint64_t{1} << log2_size;
    const auto table = pages_.alloc_zeroed(bytes);
    if (!table) {
        if (two_level) {
            kernel_.console.err(prefix_, "failed to allocate l1 stream table ({} bytes)", bytes);
        } else {
            kernel_.console.err(prefix_, "failed to allocate linear stream table ({} bytes)", bytes);
        }
        return -kENOMEM;
    }
    base_ = *table;
    if (!two_level) fill_unowned(base_, limit_);
    return 0;
}

std::uint64_t ArmSmmuStreamTable::base_register() const {
    return smmu::strtab_base::RA.of(1) | (base_.value & smmu::strtab_base::ADDR.mask());
}

smmu::SteWords ArmSmmuStreamTable::unowned(bool abort) {
    smmu::SteWords words{};
    ste::V.set(words, 1);
    ste::Config.set(words, abort ? ste::CONFIG_ABORT : ste::CONFIG_BYPASS);
    ste::SHCFG.set(words, ste::SHCFG_INCOMING);
    return words;
}

smmu::SteWords ArmSmmuStreamTable::stage1(std::uint64_t cd_table, unsigned cd_max, std::uint64_t format,
                                          std::uint64_t strw, bool stall_disable, std::uint64_t eats) {
    smmu::SteWords words{};
    ste::V.set(words, 1);
    ste::Config.set(words, ste::CONFIG_S1);
    ste::S1Fmt.set(words, format);
    ste::S1ContextPtr.set_address(words, cd_table);
    ste::S1CDMax.set(words, cd_max);
    ste::S1DSS.set(words, ste::S1DSS_SSID0);
    ste::S1CIR.set(words, kCacheWriteBack);
    ste::S1COR.set(words, kCacheWriteBack);
    ste::S1CSH.set(words, kInnerShareable);
    ste::STRW.set(words, strw);
    ste::S1STALLD.set(words, stall_disable ? 1 : 0);
    ste::EATS.set(words, eats);
    return words;
}

void ArmSmmuStreamTable::fill_unowned(PhysAddr table, std::uint64_t entries) {
    const smmu::SteWords entry = unowned(abort_unknown_);
    constexpr std::uint64_t kAtOnce = 256;
    std::vector<std::uint64_t> words;
    for (std::uint64_t i = 0; i < std::min(entries, kAtOnce); ++i)
        words.insert(words.end(), entry.begin(), entry.end());
    for (std::uint64_t at = 0; at < entries; at += kAtOnce) {
        const std::uint64_t count = std::min(kAtOnce, entries - at);
        pages_.write_words(table + at * smmu::kSteBytes, words.data(), count * entry.size());
    }
}

int ArmSmmuStreamTable::prepare(std::uint32_t sid) {
    if (!in_range(sid)) return -kERANGE;
    if (!two_level_ || second_level_.count(sid >> kSplit) != 0) return 0;
    const auto table = pages_.alloc_zeroed(std::uint64_t{smmu::kSteBytes} << kSplit);
    if (!table) {
        kernel_.console.err(prefix_, "failed to allocate l2 stream table for SID {}", sid);
        return -kENOMEM;
    }
    fill_unowned(*table, std::uint64_t{1} << kSplit);
    second_level_[sid >> kSplit] = *table;
    const std::uint64_t descriptor = smmu::l1std::SPAN.of(kSpan) | (table->value & smmu::l1std::L2PTR.mask());
    if (kernel_.variant.has(Cap::l2_before_l1)) dma_wmb(kernel_.machine);
    pages_.write_u64(base_ + std::uint64_t{sid >> kSplit} * smmu::l1std::kBytes, descriptor);
    return 0;
}

PhysAddr ArmSmmuStreamTable::ste_address(std::uint32_t sid) const {
    if (!two_level_) return base_ + std::uint64_t{sid} * smmu::kSteBytes;
    const auto table = second_level_.find(sid >> kSplit);
    XLATE_CHECK(table != second_level_.end(), fmt::format("SID {:#x} has no table", sid));
    return table->second + (sid & low_mask(kSplit)) * smmu::kSteBytes;
}

void ArmSmmuStreamTable::sync_ste_for_sid(std::uint32_t sid) {
    if (mistakes_.has(Mistake::ste_without_cfgi)) return;
    if (mistakes_.has(Mistake::wrong_stream)) sid ^= 1;
    cmdq_.issue_cmd_with_sync(smmu::command::cfgi_ste(StreamId{sid}, true));
}

void ArmSmmuStreamTable::claim_installed(std::uint32_t sid) {
    Annotation annotation;
    annotation.kind = Annotation::Kind::ste_installed;
    annotation.iommu = cmdq_.registers();
    annotation.stream = sid;
    kernel_.machine.annotate(annotation);
}

void ArmSmmuStreamTable::write_initial(std::uint32_t sid, const smmu::SteWords& entry) {
    pages_.write_words(ste_address(sid), entry.data(), entry.size());
}

void ArmSmmuStreamTable::write_strtab_ent(std::uint32_t sid, const smmu::SteWords& entry) {
    Frame frame{kernel_, "arm_smmu_write_strtab_ent"};
    // X15: what the entry points to is seen before the entry.
    if (kernel_.variant.has(Cap::ste_barrier)) dma_wmb(kernel_.machine);
    const PhysAddr at = ste_address(sid);
    const bool translates = ste::Config.get(entry) >= ste::CONFIG_S1;
    if (!translates) {
        // Nothing behind the first word matters to an abort or a plain bypass but the shareability.
        pages_.write_u64(at, entry[0]);
        pages_.write_words(at + 8, &entry[1], 2);
        sync_ste_for_sid(sid);
        claim_installed(sid);
        return;
    }
    const bool at_once = mistakes_.has(Mistake::commands_last);
    if (at_once || mistakes_.has(Mistake::ste_valid_first)) pages_.write_u64(at, entry[0]);
    pages_.write_words(at + 8, &entry[1], entry.size() - 1);
    sync_ste_for_sid(sid);
    if (!at_once) {
        pages_.write_u64(at, entry[0]);
        sync_ste_for_sid(sid);
    }
    claim_installed(sid);
    // This entry will be wanted soon.
    cmdq_.issue_cmd(smmu::command::prefetch_config(StreamId{sid}));
}

}  // namespace xlate::kernel
