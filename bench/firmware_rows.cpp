#include "bench/row.hpp"
#include "bench/trees.hpp"
#include "firmware/description.hpp"
#include "study/inspect/inspect.hpp"

namespace xlate::bench {
namespace {

Measured read_tree(std::uint64_t nodes) {
    const std::vector<std::uint8_t> blob = big_tree(static_cast<std::uint32_t>(nodes));
    const double start = cpu_seconds();
    const firmware::Description description = firmware::read_device_tree(blob, "big.dtb");
    Measured measured;
    measured.seconds = cpu_seconds() - start;
    measured.units = description.nodes.size();
    for (const firmware::Node& node : description.nodes) measured.checksum += node.regs.size() + node.iommus.size();
    measured.add("read_ms", measured.seconds * 1e3);
    measured.add("blob_mib", static_cast<double>(blob.size()) / (1 << 20));
    return measured;
}

Measured inspect_tree(std::uint64_t nodes) {
    const std::vector<std::uint8_t> blob = big_tree(static_cast<std::uint32_t>(nodes));
    const double start = cpu_seconds();
    const std::string text = study::inspect_text(firmware::read_device_tree(blob, "big.dtb"));
    Measured measured;
    measured.seconds = cpu_seconds() - start;
    measured.units = nodes;
    measured.checksum = text.size();
    measured.add("inspect_ms", measured.seconds * 1e3);
    return measured;
}

}  // namespace

void add_firmware_rows(std::vector<Row>& rows) {
    rows.push_back({"firmware/device_tree", "node",
                    "A device tree of 100,000 nodes, nearly all of them masters behind an SMMU, into a Description.",
                    100'000, read_tree});
    rows.push_back({"firmware/inspect", "node",
                    "The same, and what `xlate inspect` says about it: masters, maps, groups, oddities.", 100'000,
                    inspect_tree});
}

}  // namespace xlate::bench
