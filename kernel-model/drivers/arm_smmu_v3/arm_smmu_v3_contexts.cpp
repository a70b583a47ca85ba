#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_contexts.hpp"

#include <fmt/format.h>

#include "base/bits.hpp"
#include "base/error.hpp"

namespace xlate::kernel {

namespace smmu = iommu::smmuv3;
namespace cd = iommu::smmuv3::cd;

smmu::CdWords make_cd(const Stage1Registers& tables, std::uint16_t asid, bool stall) {
    smmu::CdWords words{};
    cd::T0SZ.set(words, tables.t0sz);
    cd::TG0.set(words, tables.tg0);
    cd::IR0.set(words, tables.ir0);
    cd::OR0.set(words, tables.or0);
    cd::SH0.set(words, tables.sh0);
    cd::EPD1.set(words, 1);
    cd::V.set(words, 1);
    cd::IPS.set(words, tables.ips);
    cd::AA64.set(words, 1);
    cd::S.set(words, stall ? 1 : 0);
    cd::R.set(words, 1);
    cd::A.set(words, 1);
    cd::ASET.set(words, 1);  // not shared with a process: broadcast invalidation does not concern it
    cd::ASID.set(words, asid);
    cd::TTB0.set_address(words, tables.ttbr);
    cd::MAIR.set(words, tables.mair);
    return words;
}

int ArmSmmuCdTable::init(unsigned cd_max, bool two_level) {
    cd_max_ = cd_max;
    if (!two_level || cd_max <= kLeafLog2) {
        format_ = smmu::ste::S1FMT_LINEAR;
        bytes_ = std::uint64_t{smmu::kCdBytes} << cd_max;
    } else {
        format_ = smmu::ste::S1FMT_64K_L2;
        bytes_ = std::uint64_t{smmu::l1cd::kBytes} << (cd_max - kLeafLog2);
    }
    const auto table = pages_.alloc_zeroed(bytes_);
    if (!table) return -kENOMEM;
    base_ = *table;
    return 0;
}

void ArmSmmuCdTable::free() {
    if (bytes_ == 0) return;
    for (const auto& [index, leaf] : leaves_) pages_.free(leaf, std::uint64_t{smmu::kCdBytes} << kLeafLog2);
    leaves_.clear();
    pages_.free(base_, bytes_);
    bytes_ = 0;
}

int ArmSmmuCdTable::prepare(std::uint32_t ssid, const std::function<void()>& sync) {
    if (format_ == smmu::ste::S1FMT_LINEAR || leaves_.count(ssid >> kLeafLog2) != 0) return 0;
    const auto leaf = pages_.alloc_zeroed(std::uint64_t{smmu::kCdBytes} << kLeafLog2);
    if (!leaf) return -kENOMEM;
    leaves_[ssid >> kLeafLog2] = *leaf;
    pages_.write_u64(base_ + std::uint64_t{ssid >> kLeafLog2} * smmu::l1cd::kBytes,
                     smmu::l1cd::V.of(1) | (leaf->value & smmu::l1cd::L2PTR.mask()));
    sync();  // the hardware may have cached the empty entry
    return 0;
}

PhysAddr ArmSmmuCdTable::cd_address(std::uint32_t ssid) const {
    XLATE_CHECK(ssid < (std::uint32_t{1} << cd_max_), fmt::format("SSID {}", ssid));
    if (format_ == smmu::ste::S1FMT_LINEAR) return base_ + std::uint64_t{ssid} * smmu::kCdBytes;
    return leaves_.at(ssid >> kLeafLog2) + (ssid & low_mask(kLeafLog2)) * smmu::kCdBytes;
}

int ArmSmmuCdTable::write_ctx_desc(std::uint32_t ssid, const smmu::CdWords& words, const std::function<void()>& sync,
                                   bool at_once) {
    Frame frame{kernel_, "arm_smmu_write_ctx_desc"};
    if (const int err = prepare(ssid, sync); err != 0) return err;
    const PhysAddr at = cd_address(ssid);
    if (at_once) {
        pages_.write_words(at, words.data(), words.size());
        return 0;
    }
    pages_.write_words(at + 8, &words[1], 3);
    sync();
    pages_.write_u64(at, words[0]);
    sync();
    return 0;
}

std::optional<std::uint16_t> AsidAllocator::alloc(unsigned bits) {
    lock_.lock("ASID1");
    std::optional<std::uint16_t> found;
    for (std::uint32_t asid = 1; asid < (std::uint32_t{1} << bits) && !found; ++asid) {
        if (taken_.insert(static_cast<std::uint16_t>(asid)).second) found = static_cast<std::uint16_t>(asid);
    }
    lock_.unlock("ASID2");
    return found;
}

void AsidAllocator::free(std::uint16_t asid) {
    lock_.lock("ASID3");
    taken_.erase(asid);
    lock_.unlock("ASID4");
}

}  // namespace xlate::kernel
