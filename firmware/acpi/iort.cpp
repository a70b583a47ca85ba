#include "firmware/acpi/iort.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "firmware/limits.hpp"

namespace xlate::firmware::acpi {
namespace {

constexpr std::uint64_t kFirstNode = 48;
constexpr std::uint64_t kNodeHeader = 16;
constexpr std::uint64_t kMappingBytes = 20;
constexpr std::uint64_t kRmrRangeBytes = 20;
constexpr std::uint8_t kFirstRevisionWithRmr = 5;

class IortReader {
public:
    IortReader(const Table& table, std::vector<Oddity>& oddities) : in_(table, oddities) {}

    Iort read() {
        iort_.revision = in_.table().revision;
        iort_.node_count = in_.u32(36, "its node count");
        std::uint64_t at = in_.u32(40, "its node array offset");
        in_.u32(44, "its header");
        if (iort_.node_count != 0 && at < kFirstNode) {
            in_.fail(40, fmt::format("the nodes begin at {:#x}, inside the header", at), "0x30 or more");
        }
        for (std::uint32_t i = 0; i < iort_.node_count; ++i) {
            if (!in_.holds(at, kNodeHeader)) {
                in_.fail(at, fmt::format("node {} of {} begins outside the table of {:#x} bytes", i + 1,
                                         iort_.node_count, in_.size()));
            }
            const std::uint64_t length = in_.u16(at + 1, "a node");
            if (length < kNodeHeader) {
                in_.fail(at + 1, fmt::format("node {} is {} bytes long, less than its header", i + 1, length),
                         "at least 16");
            }
            if (!in_.holds(at, length)) {
                in_.fail(at + 1, fmt::format("node {} is {} bytes long, past the end of the table", i + 1, length),
                         fmt::format("at most {}", in_.size() - at));
            }
            by_offset_[at] = iort_.nodes.size();
            read_node(at);
            at += length;
        }
        if (iort_.node_count != 0 && at < in_.size()) {
            in_.note(at, fmt::format("{} bytes follow the last node", in_.size() - at));
        }
        resolve();
        check();
        return std::move(iort_);
    }

private:
    void read_node(std::uint64_t at) {
        IortNode& node = iort_.nodes.emplace_back();
        node.offset = at;
        node.type = in_.u8(at, "a node");
        node.length = in_.u16(at + 1, "a node");
        node.revision = in_.u8(at + 3, "a node");
        node.identifier = in_.u32(at + 4, "a node");
        read_mappings(node);
        switch (static_cast<IortType>(node.type)) {
            case IortType::its_group:
                return read_its(node);
            case IortType::named_component:
                return read_component(node);
            case IortType::root_complex:
                return read_root_complex(node);
            case IortType::smmu:
                return read_smmu(node);
            case IortType::smmu_v3:
                return read_smmu_v3(node);
            case IortType::pmcg:
                return read_pmcg(node);
            case IortType::rmr:
                return read_rmr(node);
        }
        in_.note(at, fmt::format("node of type {}: not known, passed over", node.type));
    }

    /// A node that is too short for what its type must have stays without a body.
    bool long_enough(const IortNode& node, std::uint64_t least) {
        if (node.length >= least) return true;
        in_.note(node.offset + 1,
                 fmt::format("a node of type {} is {} bytes long, too short for its fields ({}); it is "
                             "passed over",
                             iort_type_name(node.type), node.length, least));
        return false;
    }

    void read_mappings(IortNode& node) {
        const std::uint64_t count = in_.u32(node.offset + 8, "a node");
        const std::uint64_t offset = in_.u32(node.offset + 12, "a node");
        if (count == 0 || offset == 0) {
            if (count != 0)
                in_.note(node.offset + 12, fmt::format("{} ID mappings at offset 0: there are none", count));
            return;
        }
        const std::uint64_t first = node.offset + offset;
        if (offset < kNodeHeader || !in_.holds(first, count * kMappingBytes)) {
            in_.note(node.offset + 12,
                     fmt::format("{} ID mappings at {:#x} are not inside the table of {:#x} bytes; the node's mappings "
                                 "are ignored",
                                 count, first, in_.size()));
            return;
        }
        if (offset + count * kMappingBytes > node.length) {
            in_.note(node.offset + 12, fmt::format("{} ID mappings reach past the end of their node", count));
        }
        node.mappings.reserve(count);
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t at = first + i * kMappingBytes;
            IdMapping mapping;
            mapping.offset = at;
            mapping.input_base = in_.u32(at, "an ID mapping");
            mapping.count = in_.u32(at + 4, "an ID mapping");
            mapping.output_base = in_.u32(at + 8, "an ID mapping");
            mapping.output_reference = in_.u32(at + 12, "an ID mapping");
            mapping.flags = in_.u32(at + 16, "an ID mapping");
            node.mappings.push_back(mapping);
        }
        mappings_ += count;
        if (mappings_ > kMaxDecodedEntries) in_.fail(node.offset, "too many ID mappings", {}, ExitStatus::limit);
    }

    IortMemory memory(std::uint64_t at) const {
        IortMemory memory;
        memory.cache_coherent = in_.u32(at, "memory properties");
        memory.hints = in_.u8(at + 4, "memory properties");
        memory.flags = in_.u8(at + 7, "memory properties");
        return memory;
    }

    /// Elements of `bytes` each at `from` of the node, as many as fit if not all do.
    std::uint64_t fitting(const IortNode& node, std::uint64_t from, std::uint64_t count, std::uint64_t bytes,
                          std::string_view what) {
        const std::uint64_t room = from <= node.length ? (node.length - from) / bytes : 0;
        if (count > room) {
            in_.note(node.offset, fmt::format("{} {} do not fit their node; {} are read", count, what, room));
        }
        return std::min(count, room);
    }

    void read_its(IortNode& node) {
        if (!long_enough(node, 20)) return;
        ItsGroup its;
        const std::uint64_t count = fitting(node, 20, in_.u32(node.offset + 16, "an ITS group"), 4, "ITS ids");
        for (std::uint64_t i = 0; i < count; ++i) its.ids.push_back(in_.u32(node.offset + 20 + 4 * i, "an ITS group"));
        node.body = std::move(its);
    }

    void read_component(IortNode& node) {
        if (!long_enough(node, 30)) return;
        NamedComponent component;
        const std::uint64_t at = node.offset + kNodeHeader;
        component.flags = in_.u32(at, "a named component");
        component.memory = memory(at + 4);
        component.address_limit = in_.u8(at + 12, "a named component");
        bool terminated = false;
        component.path =
            in_.text(at + 13, std::min<std::uint64_t>(node.offset + node.length, at + 13 + kMaxNameBytes), terminated);
        if (!terminated) in_.note(at + 13, "the name of a named component is not terminated inside its node");
        if (component.address_limit == 0 && node.revision >= 1) {
            in_.note(at + 12, fmt::format("named component {}: its memory address size is 0", component.path));
        }
        node.body = std::move(component);
    }

    void read_root_complex(IortNode& node) {
        if (!long_enough(node, 32)) return;
        RootComplex complex;
        const std::uint64_t at = node.offset + kNodeHeader;
        complex.memory = memory(at);
        complex.ats = in_.u32(at + 8, "a root complex");
        complex.segment = in_.u32(at + 12, "a root complex");
        // Later revisions have more; where the mappings begin, none of it is left.
        const std::uint64_t mappings = in_.u32(node.offset + 12, "a node");
        const std::uint64_t end = mappings >= 32 ? std::min<std::uint64_t>(mappings, node.length) : node.length;
        if (end > 32) complex.address_limit = in_.u8(at + 16, "a root complex");
        if (node.revision >= 3 && end >= 35) complex.pasid_capabilities = in_.u16(at + 17, "a root complex");
        if (node.revision >= 4 && end >= 40) complex.flags = in_.u32(at + 20, "a root complex");
        if (complex.address_limit == 0 && node.revision >= 1) {
            in_.note(at + 16, fmt::format("root complex of segment {}: its memory address size is 0", complex.segment));
        }
        node.body = complex;
    }

    std::vector<IortInterrupt> interrupts(IortNode& node, std::uint64_t field, std::string_view what) {
        std::vector<IortInterrupt> list;
        const std::uint64_t asked = in_.u32(node.offset + field, "an SMMU");
        const std::uint64_t from = in_.u32(node.offset + field + 4, "an SMMU");
        if (asked == 0) return list;
        const std::uint64_t count = fitting(node, from, asked, 8, what);
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t at = node.offset + from + 8 * i;
            list.push_back({in_.u32(at, "an interrupt"), in_.u32(at + 4, "an interrupt")});
        }
        return list;
    }

    void read_smmu(IortNode& node) {
        if (!long_enough(node, 60)) return;
        Smmu smmu;
        const std::uint64_t at = node.offset + kNodeHeader;
        smmu.base = in_.u64(at, "an SMMU");
        smmu.span = in_.u64(at + 8, "an SMMU");
        smmu.model = in_.u32(at + 16, "an SMMU");
        smmu.flags = in_.u32(at + 20, "an SMMU");
        // Two global interrupts of 8 bytes stand where the offset says: usually at +60 of the node.
        const std::uint64_t globals = in_.u32(at + 24, "an SMMU");
        const std::uint64_t count = globals == 0 ? 0 : fitting(node, globals, 2, 8, "global interrupts");
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t where = node.offset + globals + 8 * i;
            const IortInterrupt interrupt{in_.u32(where, "an interrupt"), in_.u32(where + 4, "an interrupt")};
            if (interrupt.gsiv != 0 || i == 0) smmu.global_interrupts.push_back(interrupt);
        }
        smmu.context_interrupts = interrupts(node, 44, "context interrupts");
        smmu.pmu_interrupts = interrupts(node, 52, "PMU interrupts");
        node.body = std::move(smmu);
    }

    void read_smmu_v3(IortNode& node) {
        if (!long_enough(node, 60)) return;  // revision 0 ends there
        SmmuV3 smmu;
        const std::uint64_t at = node.offset + kNodeHeader;
        smmu.base = in_.u64(at, "an SMMUv3");
        smmu.flags = in_.u32(at + 8, "an SMMUv3");
        smmu.vatos = in_.u64(at + 16, "an SMMUv3");
        smmu.model = in_.u32(at + 24, "an SMMUv3");
        smmu.event_gsiv = in_.u32(at + 28, "an SMMUv3");
        smmu.pri_gsiv = in_.u32(at + 32, "an SMMUv3");
        smmu.gerror_gsiv = in_.u32(at + 36, "an SMMUv3");
        smmu.sync_gsiv = in_.u32(at + 40, "an SMMUv3");
        if (node.length >= 64) smmu.proximity_domain = in_.u32(at + 44, "an SMMUv3");
        if (node.length >= 68 && node.revision >= 1) smmu.device_id_mapping = in_.u32(at + 48, "an SMMUv3");
        if (smmu.model > 2) in_.note(at + 24, fmt::format("SMMUv3 of model {}: not known", smmu.model));
        node.body = smmu;
    }

    void read_pmcg(IortNode& node) {
        if (!long_enough(node, 32)) return;
        Pmcg group;
        const std::uint64_t at = node.offset + kNodeHeader;
        group.page0 = in_.u64(at, "a counter group");
        group.overflow_gsiv = in_.u32(at + 8, "a counter group");
        group.node_reference = in_.u32(at + 12, "a counter group");
        if (node.revision >= 1 && node.length >= 40) group.page1 = in_.u64(at + 16, "a counter group");
        node.body = group;
    }

    void read_rmr(IortNode& node) {
        if (!long_enough(node, 28)) return;
        Rmr rmr;
        rmr.flags = in_.u32(node.offset + 16, "a reserved memory range");
        const std::uint64_t from = in_.u32(node.offset + 24, "a reserved memory range");
        const std::uint64_t count = fitting(node, from, in_.u32(node.offset + 20, "a reserved memory range"),
                                            kRmrRangeBytes, "memory range descriptors");
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t at = node.offset + from + kRmrRangeBytes * i;
            rmr.ranges.push_back({in_.u64(at, "a memory range"), in_.u64(at + 8, "a memory range")});
            if (rmr.ranges.back().base % 0x10000 != 0 || rmr.ranges.back().length % 0x10000 != 0) {
                in_.note(at, fmt::format("reserved memory {:#x} of {:#x} bytes is not a multiple of 64 KiB",
                                         rmr.ranges.back().base, rmr.ranges.back().length));
            }
        }
        note_overlaps(node, from, rmr);
        if (iort_.revision < kFirstRevisionWithRmr) {
            in_.note(node.offset, fmt::format("reserved memory ranges need revision 5 of the table, this is {}: Linux "
                                              "ignores them",
                                              iort_.revision));
        }
        node.body = std::move(rmr);
    }

    /// As Linux's iort_rmr_desc_check_overlap() looks at them, which goes on all the same.
    void note_overlaps(const IortNode& node, std::uint64_t from, const Rmr& rmr) {
        for (std::size_t i = 0; i < rmr.ranges.size(); ++i) {
            const Rmr::Range& one = rmr.ranges[i];
            const std::uint64_t at = node.offset + from + kRmrRangeBytes * i;
            if (one.length == 0) {
                in_.note(at, fmt::format("reserved memory {:#x} has length 0", one.base));
                continue;
            }
            for (std::size_t k = i + 1; k < rmr.ranges.size(); ++k) {
                const Rmr::Range& other = rmr.ranges[k];
                if (other.length == 0 || one.base > other.base + (other.length - 1) ||
                    other.base > one.base + (one.length - 1))
                    continue;
                in_.note(
                    at, fmt::format("reserved memory {:#x} to {:#x} overlaps {:#x} to {:#x} of the same node", one.base,
                                    one.base + (one.length - 1), other.base, other.base + (other.length - 1)));
                break;
            }
        }
    }

    std::optional<std::size_t> node_at(std::uint64_t offset) const {
        const auto found = by_offset_.find(offset);
        return found == by_offset_.end() ? std::nullopt : std::optional(found->second);
    }

    /// Ids end at an SMMU or an ITS group. A reference to anything else, or to the node itself, leads nowhere; Linux
    /// follows it all the same, for ever if it comes back.
    void check_target(const IortNode& node, const IdMapping& mapping) {
        const IortNode& target = iort_.nodes[*mapping.target];
        const bool itself = target.offset == node.offset;
        if (!itself && (target.is_iommu() || target.is(IortType::its_group))) return;
        in_.note(
            mapping.offset + 12,
            fmt::format("ID mapping of the {} at {:#x}: its output reference {:#x} is {}; ids end at an SMMU or an "
                        "ITS group, and the mapping leads nowhere",
                        iort_type_name(node.type), node.offset, mapping.output_reference,
                        itself ? std::string("the node itself") : "a " + iort_type_name(target.type)));
    }

    void resolve() {
        for (IortNode& node : iort_.nodes) {
            for (IdMapping& mapping : node.mappings) {
                mapping.target = node_at(mapping.output_reference);
                if (mapping.target) {
                    check_target(node, mapping);
                    continue;
                }
                in_.note(mapping.offset + 12,
                         fmt::format("ID mapping of the {} at {:#x}: its output reference {:#x} is no node's offset; "
                                     "the mapping is ignored",
                                     iort_type_name(node.type), node.offset, mapping.output_reference));
            }
            if (auto* const group = std::get_if<Pmcg>(&node.body)) {
                group->node = node_at(group->node_reference);
                if (!group->node) {
                    in_.note(node.offset + 28,
                             fmt::format("counter group: its node reference {:#x} is no node's offset",
                                         group->node_reference));
                }
            }
        }
    }

    void check() {
        std::map<std::uint32_t, std::uint64_t> segments;
        std::map<std::uint64_t, std::uint64_t> registers;
        for (const IortNode& node : iort_.nodes) {
            if (const auto* complex = std::get_if<RootComplex>(&node.body)) {
                const auto [first, fresh] = segments.emplace(complex->segment, node.offset);
                if (!fresh) {
                    in_.note(node.offset,
                             fmt::format("a second root complex of segment {}: Linux uses the one at {:#x}",
                                         complex->segment, first->second));
                }
            }
            const auto* v2 = std::get_if<Smmu>(&node.body);
            const auto* v3 = std::get_if<SmmuV3>(&node.body);
            if (v2 != nullptr || v3 != nullptr) {
                const auto [first, fresh] = registers.emplace(v2 != nullptr ? v2->base : v3->base, node.offset);
                if (!fresh) {
                    in_.note(node.offset, fmt::format("the registers at {:#x} are those of the SMMU at {:#x}, too",
                                                      first->first, first->second));
                }
            }
            check_single(node);
            check_ranges(node);
            check_overlaps(node);
        }
    }

    void check_single(const IortNode& node) {
        const bool may = node.is(IortType::named_component) || node.is(IortType::root_complex) ||
                         node.is(IortType::smmu_v3) || node.is(IortType::pmcg) || node.is(IortType::rmr);
        for (const IdMapping& mapping : node.mappings) {
            if (mapping.single() && !may) {
                in_.note(mapping.offset + 16, fmt::format("a single mapping of a node of type {}: Linux skips it",
                                                          iort_type_name(node.type)));
            }
        }
        if (!node.is(IortType::named_component)) return;
        for (const IdMapping& mapping : node.mappings) {
            if (mapping.single()) continue;
            in_.note(mapping.offset + 16,
                     "an ID mapping of a named component that is not a single one: for a device "
                     "without ids of its own Linux's list ends here");
            return;
        }
    }

    /// Linux adds in 32 bits: what goes beyond has a last id below its first one.
    void check_ranges(const IortNode& node) {
        constexpr std::uint64_t kIds = std::uint64_t{1} << 32;
        for (std::size_t i = 0; i < node.mappings.size(); ++i) {
            const IdMapping& mapping = node.mappings[i];
            if (mapping.single()) continue;
            const std::uint64_t last = std::uint64_t{mapping.input_base} + mapping.count;
            if (last < kIds) continue;
            in_.note(
                mapping.offset,
                fmt::format("mapping {} of the {} at {:#x} begins with id {:#x} and has {} ids, to {:#x}: ids have "
                            "32 bits; Linux maps none of them",
                            i, iort_type_name(node.type), node.offset, mapping.input_base,
                            std::uint64_t{mapping.count} + 1, last));
        }
    }

    /// Two mappings for one id. The count is the number of ids minus one; firmware that writes the number itself
    /// overlaps the next mapping by one id.
    void check_overlaps(const IortNode& node) {
        std::vector<std::size_t> order;
        for (std::size_t i = 0; i < node.mappings.size(); ++i) {
            if (!node.mappings[i].single()) order.push_back(i);
        }
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return node.mappings[a].input_base < node.mappings[b].input_base;
        });
        std::uint64_t reach = 0;  ///< last id so far
        std::size_t owner = 0;
        for (std::size_t k = 0; k < order.size(); ++k) {
            const IdMapping& mapping = node.mappings[order[k]];
            const std::uint64_t last = std::uint64_t{mapping.input_base} + mapping.count;
            if (k != 0 && mapping.input_base <= reach) {
                const std::uint64_t until = std::min(reach, last);
                if (until == mapping.input_base && reach == mapping.input_base) {
                    in_.note(mapping.offset,
                             fmt::format("id {:#x} is the last of mapping {} and the first of mapping {} of the {} at "
                                         "{:#x} (a count that is one too high?); Linux takes the mapping that begins "
                                         "with it",
                                         mapping.input_base, owner, order[k], iort_type_name(node.type), node.offset));
                } else {
                    in_.note(mapping.offset,
                             fmt::format("ids {:#x}-{:#x} are in mappings {} and {} of the {} at {:#x}; the first in "
                                         "the table counts",
                                         mapping.input_base, until, owner, order[k], iort_type_name(node.type),
                                         node.offset));
                }
            }
            if (k == 0 || last > reach) {
                reach = last;
                owner = order[k];
            }
        }
    }

    TableReader in_;
    Iort iort_;
    std::map<std::uint64_t, std::size_t> by_offset_;
    std::uint64_t mappings_ = 0;
};

}  // namespace

std::string iort_type_name(std::uint8_t type) {
    switch (static_cast<IortType>(type)) {
        case IortType::its_group:
            return "its-group";
        case IortType::named_component:
            return "named-component";
        case IortType::root_complex:
            return "root-complex";
        case IortType::smmu:
            return "smmu-v1v2";
        case IortType::smmu_v3:
            return "smmu-v3";
        case IortType::pmcg:
            return "pmcg";
        case IortType::rmr:
            return "rmr";
    }
    return fmt::format("type-{}", type);
}

Iort read_iort(const Table& table, std::vector<Oddity>& oddities) { return IortReader(table, oddities).read(); }

}  // namespace xlate::firmware::acpi
