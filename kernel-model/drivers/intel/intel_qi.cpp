// The invalidation queue of one unit: Linux drivers/iommu/intel/dmar.c, qi_*.
#include "base/bits.hpp"
#include "iommu/tables/layout_vtd.hpp"
#include "kernel-model/core/errno.hpp"
#include "kernel-model/drivers/intel/intel_iommu_unit.hpp"

namespace xlate::kernel {

namespace vt = iommu::vtd;
namespace qi = iommu::vtd::qi;
namespace reg = iommu::vtd::reg;
namespace fsts = iommu::vtd::fsts;

namespace {

constexpr std::uint32_t kDone = 2;  ///< QI_DONE: what a wait descriptor writes
constexpr SimTime kCpuRelax = ns(20);

constexpr std::uint64_t type(vt::DescriptorType which) { return qi::TYPE.of(static_cast<unsigned>(which)); }

}  // namespace

int IntelIommu::dmar_enable_qi() {
    Frame frame{kernel(), "dmar_enable_qi"};
    if (!has(vt::ecap::QI)) return -kENOENT;
    if (queue_) return 0;
    const bool wide = has(vt::ecap::SMTS);
    const auto queue = pages.alloc_zeroed(kQueueLength * (wide ? 32U : 16U));
    const auto status = pages.alloc_zeroed(kQueueLength * 4);
    if (!queue || !status) return -kENOMEM;
    status_page_ = *status;
    free_head_ = free_tail_ = 0;
    free_cnt_ = kQueueLength;
    queue_ = queue;
    register_lock_.lock("QIE1");
    write64(reg::IQT, 0);
    write64(reg::IQA, queue_->value | vt::iqa::DW.of(wide ? 1 : 0) | vt::iqa::QS.of(wide ? 1 : 0));
    register_lock_.unlock("QIE2");
    command(vt::gcmd::QIE, true);
    return 0;
}

void IntelIommu::put_descriptor(unsigned index, const vt::Descriptor& descriptor) {
    const unsigned words = has(vt::ecap::SMTS) ? 4 : 2;
    pages.write_words(*queue_ + std::uint64_t{index} * words * 8, descriptor.data(), words);
}

void IntelIommu::reclaim_free_desc() {
    while ((desc_status_[free_tail_] == Status::done || desc_status_[free_tail_] == Status::abort) &&
           free_tail_ != free_head_) {
        desc_status_[free_tail_] = Status::free;
        free_tail_ = (free_tail_ + 1) % kQueueLength;
        ++free_cnt_;
    }
}

int IntelIommu::qi_check_fault(unsigned index, unsigned wait_index) {
    if (desc_status_[wait_index] == Status::abort) return -kEAGAIN;
    const std::uint32_t fault = read(reg::FSTS);
    const unsigned shift = has(vt::ecap::SMTS) ? 5 : 4;
    // The descriptor at the head is bad: a wait takes its place, so that the queue goes on.
    if (fsts::IQE.test(fault)) {
        const auto head = static_cast<unsigned>(read64(reg::IQH) >> shift);
        if (head == index) {
            kernel().console.err("DMAR", "VT-d detected Invalidation Queue Error: Reason {:x}",
                                 read64(reg::IQERCD) & 0xF);
            vt::Descriptor wait{};
            const unsigned words = has(vt::ecap::SMTS) ? 4 : 2;
            for (unsigned i = 0; i < words; ++i) {
                wait[i] = pages.read_u64(*queue_ + (std::uint64_t{wait_index} * words + i) * 8);
            }
            put_descriptor(index, wait);
            write(reg::FSTS, static_cast<std::uint32_t>(fsts::IQE.mask()));
            return -kEINVAL;
        }
    }
    // A device TLB did not answer: pending waits are given up, and what was submitted is submitted again.
    if (fsts::ITE.test(fault)) {
        auto head = static_cast<unsigned>(read64(reg::IQH) >> shift);
        head = (head - 1 + kQueueLength) % kQueueLength | 1;
        auto tail = static_cast<unsigned>(read64(reg::IQT) >> shift);
        tail = (tail - 1 + kQueueLength) % kQueueLength | 1;
        write(reg::FSTS, static_cast<std::uint32_t>(fsts::ITE.mask()));
        kernel().console.err("DMAR", "VT-d detected Invalidation Time-out Error: SID {:x}",
                             read64(reg::IQERCD) >> 32 & 0xFFFF);
        do {
            if (desc_status_[head] == Status::in_use) desc_status_[head] = Status::abort;
            head = (head - 2 + kQueueLength) % kQueueLength;
        } while (head != tail);
        if (desc_status_[wait_index] == Status::abort) return -kEAGAIN;
    }
    if (fsts::ICE.test(fault)) {
        write(reg::FSTS, static_cast<std::uint32_t>(fsts::ICE.mask()));
        kernel().console.err("DMAR", "VT-d detected Invalidation Completion Error: SID {:x}",
                             read64(reg::IQERCD) >> 48);
    }
    return 0;
}

// One descriptor and a wait behind it. The lock is given up while the unit works, and everybody's waits run at once.
int IntelIommu::qi_submit_sync(const vt::Descriptor& descriptor) {
    Frame frame{kernel(), "qi_submit_sync"};
    if (!queue_) return 0;
    for (;;) {
        q_lock_.lock("QIS1");
        while (free_cnt_ < 3) {
            q_lock_.unlock("QIS2");
            kernel().machine.pass(kCpuRelax);
            q_lock_.lock("QIS2");
        }
        const unsigned index = free_head_, wait_index = (index + 1) % kQueueLength;
        desc_status_[index] = desc_status_[wait_index] = Status::in_use;
        const PhysAddr status = status_page_ + std::uint64_t{wait_index} * 4;
        put_descriptor(index, descriptor);
        const std::uint32_t in_use = 1;
        std::uint8_t bytes[4];
        store_le(bytes, 4, in_use);
        kernel().machine.memory_write(status, bytes, 4);
        vt::Descriptor wait{};
        wait[0] = type(vt::DescriptorType::wait) | qi::SW.of(1) | qi::STATUS.of(kDone);
        wait[1] = status.value;
        put_descriptor(wait_index, wait);
        free_head_ = (free_head_ + 2) % kQueueLength;
        free_cnt_ -= 2;
        write64(reg::IQT, std::uint64_t{free_head_} << (has(vt::ecap::SMTS) ? 5 : 4));
        int err = 0;
        while (!mistakes.has(Mistake::return_before_sync)) {
            kernel().machine.memory_read(status, bytes, 4);
            if (load_le(bytes, 4) == kDone) break;
            err = qi_check_fault(index, wait_index);
            if (err != 0) break;
            q_lock_.unlock("QIS3");
            kernel().machine.pass(kCpuRelax);
            q_lock_.lock("QIS3");
        }
        desc_status_[index] = Status::done;
        if (desc_status_[wait_index] == Status::in_use) desc_status_[wait_index] = Status::done;
        reclaim_free_desc();
        q_lock_.unlock("QIS4");
        if (err != -kEAGAIN) return err;
    }
}

void IntelIommu::qi_flush_context(std::uint16_t did, std::uint16_t source, std::uint8_t mask,
                                  std::uint64_t granularity) {
    Frame frame{kernel(), "qi_flush_context"};
    qi_submit_sync({type(vt::DescriptorType::context_cache) | qi::G.of(granularity) | qi::DID.of(did) |
                        qi::CC_SID.of(source) | qi::CC_FM.of(mask),
                    0, 0, 0});
}

void IntelIommu::qi_flush_iotlb(std::uint16_t did, std::uint64_t address, unsigned order, bool leaf_only,
                                std::uint64_t granularity) {
    Frame frame{kernel(), "qi_flush_iotlb"};
    qi_submit_sync({type(vt::DescriptorType::iotlb) | qi::G.of(granularity) | qi::DID.of(did) |
                        qi::DW.of(vt::cap::DWD.get(cap)) | qi::DR.of(vt::cap::DRD.get(cap)),
                    qi::page(address) | qi::AM.of(order) | qi::IH.of(leaf_only ? 1 : 0), 0, 0});
}

// Scalable mode: of one PASID, by page or all of it (npages above what one descriptor can say).
void IntelIommu::qi_flush_piotlb(std::uint16_t did, std::uint32_t pasid, std::uint64_t address,
                                 std::uint64_t pages_number, bool leaf_only) {
    Frame frame{kernel(), "qi_flush_piotlb"};
    vt::Descriptor descriptor{};
    descriptor[0] = type(vt::DescriptorType::pasid_iotlb) | qi::DID.of(did) | qi::PASID.of(pasid);
    const unsigned order = pages_number <= 1 ? 0 : log2_ceil(pages_number);
    if (pages_number == 0 || order > vt::cap::MAMV.get(cap)) {
        descriptor[0] |= qi::G.of(qi::PASID_ALL);
    } else {
        descriptor[0] |= qi::G.of(qi::PASID_PAGE);
        descriptor[1] =
            align_down(address, std::uint64_t{1} << (12 + order)) | qi::AM.of(order) | qi::IH.of(leaf_only ? 1 : 0);
    }
    qi_submit_sync(descriptor);
}

void IntelIommu::qi_flush_pasid_cache(std::uint16_t did, std::uint64_t granularity, std::uint32_t pasid) {
    Frame frame{kernel(), "qi_flush_pasid_cache"};
    qi_submit_sync(
        {type(vt::DescriptorType::pasid_cache) | qi::G.of(granularity) | qi::DID.of(did) | qi::PASID.of(pasid), 0, 0,
         0});
}

void IntelIommu::qi_flush_dev_iotlb(std::uint16_t source, std::uint16_t qdep, std::uint64_t address, unsigned order) {
    Frame frame{kernel(), "qi_flush_dev_iotlb"};
    vt::Descriptor descriptor{};
    descriptor[0] = type(vt::DescriptorType::device_tlb) | qi::SID.of(source) | qi::QDEP.of(qdep);
    // The size stands in the address: ones from bit 12 up, below the first zero.
    descriptor[1] = order == 0 ? qi::page(address)
                               : qi::page(address & ~low_mask(12 + order)) |
                                     (low_mask(12 + order - 1) & ~low_mask(12)) | qi::S.of(1);
    qi_submit_sync(descriptor);
}

void IntelIommu::qi_flush_iec(std::uint32_t index) {
    Frame frame{kernel(), "qi_flush_iec"};
    qi_submit_sync({type(vt::DescriptorType::interrupt_entry_cache) | qi::IEC_G.of(1) | qi::IIDX.of(index), 0, 0, 0});
}

void IntelIommu::qi_global_iec() {
    Frame frame{kernel(), "qi_global_iec"};
    qi_submit_sync({type(vt::DescriptorType::interrupt_entry_cache), 0, 0, 0});
}

}  // namespace xlate::kernel
