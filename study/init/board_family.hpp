// The IOMMUs that a question can be asked of without a board of one's own: some can have a board made for them, the
// others stand on one of those that come with xlate (configs/boards).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xlate::study {

struct BoardFamily {
    std::string_view name;      ///< of iommu::Family: "dart"
    std::string_view title;     ///< "an Apple DART"
    std::string_view generate;  ///< firmware.generate of a board that is made; empty: `board`
    std::string_view kind;      ///< of a made board's soc.board.iommus; empty: smmuv3
    std::string_view board;     ///< "dart.dtb"
    std::string_view
        device;        ///< Linux's name of a platform master there; of a made board: "XLAT0001:00", or by its name
    bool pci = false;  ///< whether PCI functions stand behind it
    std::string_view iommu{};                    ///< a line of soc.iommu beside preset and port
    std::string_view kernel{};                   ///< of the map `kernel`
    bool arm32 = false;                          ///< an architecture's own mappings: neither strict nor lazy
    std::string_view sized = "tcu.tlb.entries";  ///< the key that its study varies

    bool made() const { return !generate.empty(); }
    /// Most bytes that a device can have mapped: what boards that come with xlate have room for.
    std::uint64_t most_bytes() const;
    bool sizes_walks() const { return sized == "tcu.walk_slots"; }
};

/// A row for each family of the model, SMMUv3 first.
const std::vector<BoardFamily>& board_families();
const BoardFamily* find_board_family(std::string_view name);

}  // namespace xlate::study
