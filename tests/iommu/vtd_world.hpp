// Tables of a VT-d unit in the bench's memory, written word by word.
#pragma once

#include <map>

#include "iommu/tables/layout_vtd.hpp"
#include "tests/iommu/vtd_bench.hpp"

namespace xlate::iommu::vtd {

/// What tests want of a unit: all of what is modelled, 48-bit addresses of memory.
inline VtdParams world_params(const std::string& like = "scalable", bool caches = true) {
    const Capabilities capabilities = capabilities_by_name(like);
    VtdParams params = bench_params(capabilities.cap, capabilities.ecap, caches);
    params.version = capabilities.version;
    params.host_bits = 46;
    return params;
}

struct World : Bench {
    explicit World(const VtdParams& params = world_params()) : Bench(params) {}

    static constexpr std::uint64_t kRoot = 0x400000;
    std::uint64_t next = 0x500000;
    std::uint64_t page() {
        next += 0x1000;
        return next - 0x1000;
    }
    std::uint64_t word(std::uint64_t at) { return memory.ram.load(at); }
    void put(std::uint64_t at, std::uint64_t value) { memory.store(at, value); }

    /// Root pointer, queue, translation.
    void on(bool scalable) {
        root(kRoot | rtaddr::TTM.of(scalable ? 1 : 0));
        queue_on(0x200000, scalable);
        command(gcmd::TE.mask());
    }
    /// Where the context entry of a device is; legacy mode.
    std::uint64_t context_at(std::uint32_t sid) {
        const std::uint64_t at = kRoot + (sid >> 8) * std::uint64_t{kRootEntryBytes};
        if (!root::P.test(word(at))) put(at, page() | 1);
        return root::table(word(at)) + (sid & 0xFF) * std::uint64_t{kContextEntryBytes};
    }
    void context(std::uint32_t sid, std::uint64_t table, unsigned levels, std::uint16_t did, std::uint64_t type = 0) {
        const std::uint64_t at = context_at(sid);
        put(at, table | context::P.of(1) | context::TT.of(type));
        put(at + 8, context::AW.of(levels - 2) | context::DID.of(did));
    }
    /// Scalable mode: a device's PASID directory, made with the context entry.
    std::uint64_t scalable_context_at(std::uint32_t sid) {
        const std::uint64_t at = kRoot + (sid >> 8) * std::uint64_t{kRootEntryBytes} + ((sid & 0x80) != 0 ? 8 : 0);
        if (!root::P.test(word(at))) put(at, page() | 1);
        return root::table(word(at)) + (sid & 0x7F) * std::uint64_t{kScalableContextBytes};
    }
    std::uint64_t pasid_at(std::uint32_t sid, std::uint32_t pasid, std::uint64_t flags = 0) {
        const std::uint64_t context_entry = scalable_context_at(sid);
        if (!context::P.test(word(context_entry))) {
            put(context_entry, page() | context::P.of(1) | scalable_context::PDTS.of(7) | flags);
        }
        const std::uint64_t at =
            scalable_context::directory(word(context_entry)) + pasid_directory::index(pasid) * kPasidDirectoryBytes;
        if (!pasid_directory::P.test(word(at))) put(at, page() | 1);
        return pasid_directory::table(word(at)) + pasid::index(pasid) * kPasidEntryBytes;
    }
    void pasid(std::uint32_t sid, std::uint32_t number, std::uint64_t word0, std::uint64_t did, std::uint64_t word2,
               std::uint64_t flags = 0) {
        const std::uint64_t at = pasid_at(sid, number, flags);
        put(at + 8, did);
        put(at + 16, word2);
        put(at, word0 | pasid::P.of(1));
    }
    void pasid_second(std::uint32_t sid, std::uint32_t number, std::uint64_t table, unsigned levels, std::uint64_t did,
                      std::uint64_t extra = 0) {
        pasid(sid, number, table | pasid::AW.of(levels - 2) | pasid::PGTT.of(pasid::SECOND_LEVEL) | extra, did, 0);
    }
    void pasid_first(std::uint32_t sid, std::uint32_t number, std::uint64_t table, unsigned levels, std::uint64_t did,
                     std::uint64_t extra = 0, std::uint64_t flags = 0) {
        pasid(sid, number, pasid::PGTT.of(pasid::FIRST_LEVEL), did, table | pasid::FLPM.of(levels == 5 ? 1 : 0) | extra,
              flags);
    }

    /// Where the word of `level` for an address stands; tables on the way are made with `link`.
    std::uint64_t entry(std::uint64_t table, unsigned levels, std::uint64_t address, unsigned level,
                        std::uint64_t link) {
        std::uint64_t at = table;
        for (unsigned here = levels;; --here) {
            const std::uint64_t place = at + vtd_table::index(address, here) * 8;
            if (here == level) return place;
            if (word(place) == 0) put(place, page() | link);
            at = vtd_table::address(word(place));
        }
    }
    void map_second(std::uint64_t table, unsigned levels, std::uint64_t from, std::uint64_t to, unsigned level = 1,
                    std::uint64_t rights = 3) {
        put(entry(table, levels, from, level, 3), to | rights | vtd_table::second::PS.of(level > 1 ? 1 : 0));
    }
    /// P, RW, US.
    void map_first(std::uint64_t table, unsigned levels, std::uint64_t from, std::uint64_t to, unsigned level = 1,
                   std::uint64_t rights = 7) {
        put(entry(table, levels, from, level, 7), to | rights | vtd_table::first::PS.of(level > 1 ? 1 : 0));
    }

    static Request request(std::uint32_t sid, std::uint64_t address, bool write = false,
                           std::optional<std::uint32_t> pasid = std::nullopt) {
        Request made;
        made.sid = StreamId{sid};
        made.address = address;
        made.length = 4;
        made.write = write;
        if (pasid) made.ssid = SubstreamId{*pasid};
        return made;
    }
    Step access(std::uint32_t sid, std::uint64_t address, bool write = false,
                std::optional<std::uint32_t> pasid = std::nullopt) {
        return translate(request(sid, address, write, pasid));
    }
    /// Where it went; ~0: refused.
    std::uint64_t reach(std::uint32_t sid, std::uint64_t address, bool write = false,
                        std::optional<std::uint32_t> pasid = std::nullopt) {
        const Step step = access(sid, address, write, pasid);
        return step.kind == StepKind::done ? step.result.pa.value : ~std::uint64_t{0};
    }
    /// The reason of a refusal, whose record is taken.
    Reason refusal(const Step& step) {
        if (step.kind != StepKind::fault) return Reason::none;
        clear_faults();
        return static_cast<Reason>(step.result.fault);
    }
    Reason refusal(std::uint32_t sid, std::uint64_t address, bool write = false,
                   std::optional<std::uint32_t> pasid = std::nullopt) {
        return refusal(access(sid, address, write, pasid));
    }
    void clear_faults() {
        for (unsigned i = 0; i < unit.outputs.records(); ++i) {
            Bench::write(unit.params().fault_offset() + kFaultRecordBytes * i + 12, frcd::F.mask() >> 32);
        }
        Bench::write(reg::FSTS, read(reg::FSTS));
    }
    std::size_t reads_of_next(std::uint32_t sid, std::uint64_t address) {
        accesses.clear();
        access(sid, address);
        return accesses.size();
    }
    void flush_iotlb(std::uint64_t granularity, std::uint16_t did = 0, std::uint64_t address = 0, unsigned order = 0,
                     bool leaf_only = false) {
        queue({2 | qi::G.of(granularity) | qi::DID.of(did), address | order | qi::IH.of(leaf_only ? 1 : 0), 0, 0});
    }
    void flush_context(std::uint64_t granularity, std::uint16_t did = 0, std::uint16_t sid = 0) {
        queue({1 | qi::G.of(granularity) | qi::DID.of(did) | qi::CC_SID.of(sid), 0, 0, 0});
    }
};

}  // namespace xlate::iommu::vtd
