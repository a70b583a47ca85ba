// An IPMMU of two parts, root and cache, over a plain memory; tables written by hand.
#pragma once

#include <catch2/catch.hpp>

#include "iommu/ipmmu/ipmmu.hpp"
#include "iommu/memory_port.hpp"
#include "iommu/tables/layout_vmsa7_long.hpp"
#include "iommu/untimed.hpp"

namespace xlate::iommu::ipmmu::tests {

namespace pte = vmsa7_long::pte;

/// A leaf that may be read and written, non-secure, and a table.
inline constexpr std::uint64_t kLeaf = 0xF65, kTable = (std::uint64_t{1} << 63) | 3;

struct Bench {
    explicit Bench(Generation generation = Generation::gen3, const CacheParams& tlb = CacheParams{},
                   const CacheParams& walk = CacheParams{})
        : shape(ipmmu::shape(generation)),
          root(parameters(generation, tlb, walk, "root")),
          leaf(parameters(generation, tlb, walk, "leaf")),
          at_root(root, memory),
          at_leaf(leaf, memory) {
        root.reset();
        leaf.reset();
        if (shape.leaves) leaf.connect(root);
    }
    static Parameters parameters(Generation generation, const CacheParams& tlb, const CacheParams& walk,
                                 const char* name) {
        Parameters own;
        own.generation = generation;
        own.register_bytes = 0x40000;
        own.tlb = tlb;
        own.level1 = own.level2 = walk;
        own.name = name;
        return own;
    }
    /// What masters stand before: the cache, or all of it.
    Ipmmu& front() { return shape.leaves ? leaf : root; }
    Untimed& at_front() { return shape.leaves ? at_leaf : at_root; }

    void context(unsigned n, std::uint32_t reg, std::uint32_t value) {
        at_root.write_register(context_register(shape, n, reg), 4, value);
    }
    std::uint32_t context(unsigned n, std::uint32_t reg) {
        return static_cast<std::uint32_t>(at_root.read_register(context_register(shape, n, reg), 4));
    }
    void imctr(unsigned n, std::uint32_t value) {
        if (shape.leaves) at_leaf.write_register(context_register(shape, n, reg::IMCTR), 4, value);
        context(n, reg::IMCTR, value);
    }
    void utlb(unsigned n, std::uint32_t imuctr, std::uint32_t asid = 0) {
        at_front().write_register(utlb_register(shape, n, reg::IMUASID), 4, asid);
        at_front().write_register(utlb_register(shape, n, reg::IMUCTR), 4, imuctr);
    }
    /// As Linux programs it: the whole of 32 bits from level 1 on.
    void enable(unsigned n, std::uint64_t table, unsigned micro_tlb) {
        context(n, reg::IMTTLBR0, static_cast<std::uint32_t>(table));
        context(n, reg::IMTTUBR0, static_cast<std::uint32_t>(table >> 32));
        context(n, reg::IMTTBCR, shape.two_bit_level ? 0x80000080 : 0x80003510);
        context(n, reg::IMMAIR0, 0xF404FF44);
        imctr(n, 7);
        utlb(micro_tlb, n << 4 | 3);
    }
    void word(std::uint64_t table, unsigned index, std::uint64_t value) {
        std::uint8_t bytes[8];
        store_le(bytes, 8, value);
        memory.write(PhysAddr{table + index * 8ULL}, bytes, 8);
    }
    Step translate(unsigned micro_tlb, std::uint64_t address, bool write = false, bool privileged = false) {
        Request request;
        request.sid = StreamId{micro_tlb};
        request.address = address;
        request.write = write;
        request.privileged = privileged;
        return at_front().translate(request);
    }
    std::string fault(unsigned micro_tlb, std::uint64_t address, bool write = false) {
        const Step step = translate(micro_tlb, address, write);
        return step.kind == StepKind::fault ? name(static_cast<Fault>(step.result.fault)) : "no fault";
    }

    const Shape shape;
    SparseMemory memory;
    Ipmmu root;
    Ipmmu leaf;
    Untimed at_root;
    Untimed at_leaf;
};

}  // namespace xlate::iommu::ipmmu::tests
