// The board on which a question about a family stands that comes without a board of one's own (`xlate init --device`):
// one of those in configs/boards, or one that is made for it. A family says which in its own file,
// iommu/<folder>/<name>_family.cpp, which defines beside <name>_family()
//     ExampleBoard <name>_example();
// in xlate::iommu; the build gathers them. Texts are what a config has: this room knows no kernel.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace xlate::iommu {

struct ExampleBoard {
    std::string_view name;     ///< of iommu::Family: "dart"
    std::string_view title;    ///< "an Apple DART"
    std::string_view board{};  ///< "dart.dtb"
    /// Linux's name of a platform master there; of a made board: "XLAT0001:00", or empty: by the config's name.
    std::string_view device{};
    std::string_view generate{};                      ///< firmware.generate of a board that is made; empty: `board`
    std::string_view kind{};                          ///< of a made board's soc.board.iommus; empty: smmuv3
    bool pci = false;                                 ///< whether PCI functions stand behind it
    std::string_view iommu{};                         ///< a line of soc.iommu beside preset and port
    std::string_view kernel = "variant: linux-6.12";  ///< of the map `kernel`
    bool arm32 = false;                               ///< an architecture's own mappings: neither strict nor lazy
    std::string_view sized = "tcu.tlb.entries";       ///< the key that its study varies
    unsigned place = 9;                               ///< in lists; those of one place by their files' names

    bool made() const { return !generate.empty(); }
    bool sizes_walks() const { return sized == "tcu.walk_slots"; }
    /// Most bytes that a device can have mapped: what boards that come with xlate have room for.
    std::uint64_t most_bytes() const {
        constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
        return made() ? 16384 * kMiB : 256 * kMiB;
    }
};

/// Of every family_file, in the order of their names.
std::vector<ExampleBoard> gathered_examples();

}  // namespace xlate::iommu
