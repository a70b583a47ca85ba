#include "firmware/write_device_tree.hpp"

#include <libfdt.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware {
namespace {

class CellWriter {
public:
    CellWriter& word(std::uint32_t value) {
        bytes_.resize(bytes_.size() + 4);
        store_be(bytes_.data() + bytes_.size() - 4, 4, value);
        return *this;
    }
    /// `value` in `cells` cells, most significant first. False if it does not fit.
    bool number(std::uint64_t value, std::size_t cells) {
        for (std::size_t i = cells; i > 0; --i) word(i > 2 ? 0 : static_cast<std::uint32_t>(value >> (32 * (i - 1))));
        return cells >= 2 || (value >> (32 * cells)) == 0;
    }
    std::vector<std::uint8_t> take() { return std::move(bytes_); }

private:
    std::vector<std::uint8_t> bytes_;
};

std::vector<std::uint8_t> text_bytes(const std::vector<std::string>& texts) {
    std::vector<std::uint8_t> bytes;
    for (const std::string& text : texts) {
        bytes.insert(bytes.end(), text.begin(), text.end());
        bytes.push_back(0);
    }
    return bytes;
}

/// A property to write: one of the description, or one that was made for it.
struct Written {
    std::string name;
    std::vector<std::uint8_t> bytes;
};

/// Fills in, beside the raw properties of every node, those that its decoded fields ask for.
class Encoder {
public:
    explicit Encoder(const Description& description) : in_(description) { give_phandles(); }

    std::vector<Written> properties(NodeIndex at) {
        const Node& node = in_.node(at);
        result_.clear();
        present_.clear();
        for (const Property& property : node.properties) {
            result_.push_back({std::string(property.name), {property.bytes.begin(), property.bytes.end()}});
            present_.insert(result_.back().name);
        }
        at_ = at;
        encode_identity(node);
        encode_regs(node);
        encode_interrupts(node);
        encode_iommus(node);
        encode_dma(node);
        return std::move(result_);
    }

private:
    bool missing(const std::string& name) const { return present_.count(name) == 0; }
    void add(const std::string& name, std::vector<std::uint8_t> bytes) { result_.push_back({name, std::move(bytes)}); }
    void add_u32(const std::string& name, std::uint32_t value) { add(name, CellWriter().word(value).take()); }

    [[noreturn]] void does_not_fit(const char* property, std::uint64_t value) const {
        Diagnostic finding;
        finding.where.file = in_.source;
        finding.path = in_.node(at_).path + ": " + property;
        finding.what = fmt::format("{:#x} does not fit the cells of its bus", value);
        throw InputError(std::move(finding), ExitStatus::bad_firmware);
    }

    void give_phandles() {
        phandles_.resize(in_.nodes.size());
        std::uint32_t last = 0;
        for (std::size_t i = 0; i < in_.nodes.size(); ++i) {
            phandles_[i] = in_.nodes[i].phandle;
            last = std::max(last, phandles_[i]);
        }
        const auto refer = [&](std::optional<NodeIndex> target) {
            if (target && phandles_[index(*target)] == 0) phandles_[index(*target)] = ++last;
        };
        for (const Node& node : in_.nodes) {
            if (!node.has("interrupts") && !node.has("interrupts-extended")) {
                for (const Interrupt& interrupt : node.interrupts) refer(interrupt.controller);
            }
            for (const IommuEntry& entry : node.iommus) refer(entry.provider);
            if (node.iommu_map) {
                for (const IommuMapRow& row : node.iommu_map->rows) refer(row.provider);
            }
            for (const LegacyMaster& master : node.mmu_masters) refer(master.master);
        }
    }

    /// The phandle to write for a reference: the target's, or that of a reference that leads nowhere.
    std::uint32_t phandle(std::optional<NodeIndex> target, std::uint32_t dangling) const {
        return target ? phandles_[index(*target)] : dangling;
    }

    void encode_identity(const Node& node) {
        if (missing("compatible") && !node.compatible.empty()) add("compatible", text_bytes(node.compatible));
        if (missing("status") && node.status) add("status", text_bytes({*node.status}));
        static const Node kPlain;
        // Defaults are written out where generated addresses depend on them: readers differ in what they inherit.
        const bool is_bus = std::any_of(node.children.begin(), node.children.end(), [&](NodeIndex child) {
            return !in_.node(child).regs.empty() && !in_.node(child).has("reg");
        });
        if (missing("#address-cells") && (is_bus || node.address_cells != kPlain.address_cells)) {
            add_u32("#address-cells", node.address_cells);
        }
        if (missing("#size-cells") && (is_bus || node.size_cells != kPlain.size_cells)) {
            add_u32("#size-cells", node.size_cells);
        }
        if (missing("ranges") && node.has_ranges) add("ranges", {});
        const std::uint32_t own = phandles_[index(at_)];
        if (missing("phandle") && missing("linux,phandle") && missing("ibm,phandle") && own != 0)
            add_u32("phandle", own);
    }

    void encode_regs(const Node& node) {
        if (!missing("reg") || node.regs.empty() || !node.parent) return;
        const Node& bus = in_.node(*node.parent);
        CellWriter cells;
        std::vector<std::string> names;
        for (const Reg& reg : node.regs) {
            bool fits = false;
            if (bus.address_cells >= 3) {
                for (std::uint32_t i = 3; i < bus.address_cells; ++i) cells.word(0);
                fits = cells.word(reg.high).number(reg.address, 2);
            } else {
                fits = cells.number(reg.address, bus.address_cells) && reg.high == 0;
            }
            if (!fits) does_not_fit("reg", reg.address);
            if (!cells.number(reg.size, bus.size_cells)) does_not_fit("reg", reg.size);
            names.emplace_back(reg.name);
        }
        add("reg", cells.take());
        add_names("reg-names", names);
    }

    void add_names(const char* property, const std::vector<std::string>& names) {
        const bool named = std::any_of(names.begin(), names.end(), [](const std::string& one) { return !one.empty(); });
        if (named && missing(property)) add(property, text_bytes(names));
    }

    void encode_interrupts(const Node& node) {
        if (!missing("interrupts") || !missing("interrupts-extended") || node.interrupts.empty()) return;
        CellWriter cells;
        std::vector<std::string> names;
        for (const Interrupt& interrupt : node.interrupts) {
            cells.word(phandle(interrupt.controller, 0));
            for (const std::uint32_t cell : interrupt.cells) cells.word(cell);
            names.push_back(interrupt.name);
        }
        add("interrupts-extended", cells.take());
        add_names("interrupt-names", names);
    }

    void encode_iommus(const Node& node) {
        if (missing("#iommu-cells") && node.iommu_cells) add_u32("#iommu-cells", *node.iommu_cells);
        if (missing("iommus") && node.has_iommus) {
            CellWriter cells;
            for (const IommuEntry& entry : node.iommus) {
                cells.word(phandle(entry.provider, entry.phandle));
                for (const std::uint32_t arg : entry.args) cells.word(arg);
            }
            add("iommus", cells.take());
        }
        if (node.iommu_map) {
            if (missing("iommu-map")) {
                CellWriter cells;
                for (const IommuMapRow& row : node.iommu_map->rows) {
                    cells.word(row.base).word(phandle(row.provider, row.phandle)).word(row.out).word(row.length);
                }
                add("iommu-map", cells.take());
            }
            if (missing("iommu-map-mask") && node.iommu_map->mask) add_u32("iommu-map-mask", *node.iommu_map->mask);
        }
        if (missing("mmu-masters") && !node.mmu_masters.empty()) {
            CellWriter cells;
            for (const LegacyMaster& master : node.mmu_masters) {
                cells.word(phandle(master.master, master.phandle));
                for (const std::uint32_t id : master.stream_ids) cells.word(id);
            }
            add("mmu-masters", cells.take());
        }
    }

    void encode_dma(const Node& node) {
        if (missing("dma-ranges") && node.dma_ranges) {
            const std::uint32_t parent_cells = node.parent ? in_.node(*node.parent).address_cells : node.address_cells;
            CellWriter cells;
            for (const DmaWindow& window : node.dma_ranges->windows) {
                std::uint32_t child_cells = node.address_cells;
                if (child_cells >= 3) {
                    cells.word(window.pci_flags.value_or(0));
                    child_cells -= 1;
                }
                if (!cells.number(window.bus, child_cells)) does_not_fit("dma-ranges", window.bus);
                if (!cells.number(window.cpu, parent_cells)) does_not_fit("dma-ranges", window.cpu);
                if (!cells.number(window.size, node.size_cells)) does_not_fit("dma-ranges", window.size);
            }
            add("dma-ranges", cells.take());
        }
        // The field is the effective value; only where it differs from the DMA parent's does a property have to say so.
        const std::optional<NodeIndex> above = node.dma_parent ? node.dma_parent : node.parent;
        const bool inherited = above && in_.node(*above).dma_coherent;
        if (node.dma_coherent == inherited || !missing("dma-coherent") || !missing("dma-noncoherent")) return;
        add(node.dma_coherent ? "dma-coherent" : "dma-noncoherent", {});
    }

    const Description& in_;
    std::vector<std::uint32_t> phandles_;  // as written, by node
    NodeIndex at_{};
    std::vector<Written> result_;
    std::set<std::string> present_;
};

/// One pass of libfdt's sequential writer over a buffer that may turn out too small.
class TreeWriter {
public:
    TreeWriter(const Description& description, std::vector<std::uint8_t>& blob) : in_(description), blob_(blob) {}

    /// False if the buffer is too small.
    bool write() {
        Encoder encoder(in_);
        step(fdt_create(blob_.data(), static_cast<int>(blob_.size())));
        for (const MemoryRange& range : in_.reservations)
            step(fdt_add_reservemap_entry(blob_.data(), range.base, range.size));
        step(fdt_finish_reservemap(blob_.data()));
        written_ = 0;
        node(encoder, NodeIndex{0}, 1);
        XLATE_CHECK(written_ == in_.nodes.size(),
                    fmt::format("{} of {} nodes hang in the tree", written_, in_.nodes.size()));
        step(fdt_finish(blob_.data()));
        if (!fits_) return false;
        fdt_set_boot_cpuid_phys(blob_.data(), in_.boot_cpuid);
        blob_.resize(fdt_totalsize(blob_.data()));
        return true;
    }

private:
    void step(int status) {
        if (status == -FDT_ERR_NOSPACE) fits_ = false;
        XLATE_CHECK(status == 0 || !fits_, std::string(fdt_strerror(status)));
    }

    void node(Encoder& encoder, NodeIndex at, std::size_t depth) {
        XLATE_CHECK(depth <= kMaxDepth && written_ < in_.nodes.size(), in_.node(at).path);
        ++written_;
        if (!fits_) {  // nothing more can be written; the nodes are still counted
            for (const NodeIndex child : in_.node(at).children) node(encoder, child, depth + 1);
            return;
        }
        step(fdt_begin_node(blob_.data(), in_.node(at).parent ? in_.node(at).name.c_str() : ""));
        for (const Written& property : encoder.properties(at)) this->property(property);
        for (const NodeIndex child : in_.node(at).children) node(encoder, child, depth + 1);
        if (!in_.node(at).parent) memory_nodes();
        if (fits_) step(fdt_end_node(blob_.data()));
    }

    void property(const Written& property) {
        if (!fits_) return;
        step(fdt_property(blob_.data(), property.name.c_str(), property.bytes.data(),
                          static_cast<int>(property.bytes.size())));
    }

    void memory_nodes() {
        const bool has_memory = std::any_of(in_.nodes.begin(), in_.nodes.end(), [](const Node& one) {
            const Property* type = one.property("device_type");
            constexpr std::string_view kMemory("memory", 7);  // with the zero at its end
            return type != nullptr &&
                   std::equal(type->bytes.begin(), type->bytes.end(), kMemory.begin(), kMemory.end());
        });
        if (has_memory) return;
        for (const MemoryRange& range : in_.memory) {
            CellWriter cells;
            const bool fits = cells.number(range.base, in_.nodes[0].address_cells) &&
                              cells.number(range.size, in_.nodes[0].size_cells);
            XLATE_CHECK(fits, fmt::format("memory at {:#x}, {:#x} bytes", range.base, range.size));
            if (fits_) step(fdt_begin_node(blob_.data(), fmt::format("memory@{:x}", range.base).c_str()));
            property({"device_type", text_bytes({"memory"})});
            property({"reg", cells.take()});
            if (fits_) step(fdt_end_node(blob_.data()));
        }
    }

    const Description& in_;
    std::vector<std::uint8_t>& blob_;
    std::size_t written_ = 0;
    bool fits_ = true;
};

}  // namespace

std::vector<std::uint8_t> write_device_tree(const Description& description) {
    XLATE_CHECK(!description.nodes.empty(), description.source);
    for (std::size_t capacity = std::size_t{64} * 1024; capacity <= kMaxFileBytes; capacity *= 4) {
        std::vector<std::uint8_t> blob(capacity);
        if (TreeWriter(description, blob).write()) return blob;
    }
    Diagnostic finding;
    finding.where.file = description.source;
    finding.what = "the device tree would be larger than 64 MiB";
    throw InputError(std::move(finding), ExitStatus::limit);
}

}  // namespace xlate::firmware
