// What somebody asks who has no board: which device, how fast, over how much memory, and how that is mapped. The rest
// follows from the kind of the device; each default says where it comes from.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/quantity.hpp"
#include "soc/config.hpp"
#include "study/init/device/board_family.hpp"

namespace xlate::study {

/// As typed; empty: the default of the kind.
struct QuestionText {
    std::string device;       ///< nic, nvme, gpu, display, dma
    std::string rate;         ///< "25 GB/s"
    std::string working_set;  ///< "64 MiB"
    std::string packet;       ///< bytes that the device moves at one place: "1 KiB"
    std::string pages;        ///< scattered, huge, contiguous
    std::string mapping;      ///< once, per-transfer, ring
    std::string iommu;        ///< a family (board_family.hpp), or a preset of SMMUv3
    std::string preset;       ///< shape and speed that it starts from; empty: its family's
    bool empty() const;
};

struct DeviceKind {
    std::string name;
    std::string title;   ///< "NIC"
    std::string driver;  ///< a PCI function with this driver; empty: a platform device
    soc::Pattern pattern;
    Ratio read;
    std::string why_read;
    std::uint64_t packet_bytes;
    std::uint64_t mapped_bytes;  ///< what its driver maps at once, where that is around each transfer
    std::uint64_t transaction_bytes;
    std::uint32_t outstanding;  ///< transactions
    std::uint64_t rate_bytes_per_s;
    std::uint64_t working_set_bytes;
};

struct DeviceQuestion {
    DeviceKind kind;
    std::uint64_t rate_bytes_per_s = 0;
    std::uint64_t working_set_bytes = 0;
    std::uint64_t packet_bytes = 0;
    std::uint64_t transaction_bytes = 0;
    enum class Pages { scattered, huge, contiguous } pages = Pages::scattered;
    enum class Mapping { once, per_transfer, ring } mapping = Mapping::once;
    const BoardFamily* family = nullptr;  ///< of board_families()
    std::string preset;
    std::vector<std::string> assumed;  ///< options that were not given

    bool is_pci() const { return !kind.driver.empty(); }
};

const std::vector<DeviceKind>& device_kinds();

/// Errors: InputError (usage) with everything that is wrong; places are option names.
DeviceQuestion parse_question(const QuestionText& text);

/// Fills in what is empty in `text` from answers: `ask` gets a question and a default, and returns what was typed.
void ask_question(QuestionText& text,
                  const std::function<std::string(const std::string& question, const std::string& usual)>& ask);

}  // namespace xlate::study
