// One recorded boot of corpus/linux-boot*, held against a run of the config that `init` makes of its board and its QEMU
// command: what the kernel did over our hardware is what the real kernel did over its fake registers.
//   events        of each device in order; refused binds, return codes, ids, groups and their types
//   mappings      the same IOVAs, in order
//   registers     the kernel's writes in order (mmio_trace), and what each register was left with
//   tables        each leaf of tables.json stands in our memory, with our page in the place of the real one
//   traffic       each consumer that was bound sends some, and nothing faults; where the kernel translates it, it
//   walked
//                 the tables; what virtio-rng's queue is written with stands in the memory that its driver mapped
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel-model/clients/virtio_rng.hpp"
#include "study/config/config.hpp"
#include "study/run/run_watch.hpp"
#include "tests/kernel-model/family_checks.hpp"

namespace xlate::study::tests {

namespace kt = xlate::kernel::tests;
using kt::Json;

/// Both a driver and an engine: what these comparisons are about.
bool is_ours(const firmware::Node& node);

/// A register access of the kernel.
struct Access {
    bool write = false;
    std::uint64_t address = 0, value = 0;
    unsigned size = 4;
};

/// What is behind the registers of IOMMUs whose recording shows that the real driver polled in vain.
///   hardware  our engine, which answers: their registers are not compared, all else is
///   memory    nothing (`inert`), as in the recording: registers are compared; no traffic is translated
enum class Behind : std::uint8_t { hardware, memory };

/// Compared in a process of its own. Each difference is a line.
class RecordedBoot {
public:
    explicit RecordedBoot(const std::filesystem::path& folder, Behind behind = Behind::hardware);
    /// IOMMUs whose RAM never answered, so that the real driver gave up.
    const std::vector<std::string>& given_up() const { return given_up_; }
    std::string compare();

private:
    void say(const std::string& part, const std::string& what) { text_ += part + ": " + what + "\n"; }
    /// What the case's accessors answer beside the RAM stands in its kernel's name, not in the command. RAM starts with
    /// zeros, and mtk-iommu restores nothing on resume if it saved none of WR_LEN_CTRL.
    std::vector<Override> emulated() const;
    /// A traced driver's registers; all of a boot without a trace.
    bool was_traced(const firmware::Node& node) const;
    bool gave_up(const std::string& device, const firmware::Node& node) const;
    /// Devices behind IOMMUs that are not ours, and what no IOMMU concerns.
    std::set<std::string> foreign() const;
    /// The recording ended while it waited; our boot goes on to deferred_probe_timeout.
    bool waited_at_end(const std::string& name) const;
    /// 6.19 to 7.1 were booted without their modules, which no command line says: what is a module did not bind.
    bool has_modules() const;
    /// The list of devices was taken before the end of the timeline.
    bool attempt_succeeded(const std::string& name) const;
    void events(const kernel::Kernel& kernel);
    bool is_bound(const std::string& name) const;
    void groups(const kernel::LinuxBoot& boot);
    bool has_trace() const { return truth_.contains("dma_trace") && !truth_["dma_trace"].empty(); }
    void mappings(const kernel::LinuxBoot& boot, const kernel::VirtioRng& rng);
    bool within(std::uint64_t address) const;
    /// Both name a table in memory (each its own): as an address, by its page's number, by that shifted; MediaTek's M4U
    /// has a register for 128 bytes beside, as an address and as half of one. All other bits are the same.
    bool both_name_memory(std::uint64_t register_address, std::uint64_t theirs, std::uint64_t ours) const;
    bool is_register(std::uint64_t address, std::string_view family, std::uint64_t offset) const;
    /// What a driver reads, changes and writes back has the bits with which our hardware starts; RAM starts with none.
    bool same_value(std::uint64_t address, std::uint64_t theirs, std::uint64_t ours) const;
    static std::string text_of(std::uint64_t address, std::uint64_t value);
    void register_writes(const std::vector<Access>& accesses);
    /// Clients other than virtio-rng map other things than the real ones did, so that invalidations come at other
    /// times: what is written to each register is the same.
    void register_values(const std::vector<Access>& accesses);
    /// RAM keeps what was written and what a loader put there; a register that is a command, a status or not
    /// implemented does not. What the kernel left is what it wrote last.
    void registers_after_boot(const std::vector<Access>& accesses, const soc::Soc& soc);
    static void words_in(const Json& node, std::vector<std::uint64_t>& words);
    void tables(const kernel::VirtioRng& rng, const std::set<std::uint64_t>& ours);
    /// The queue that a device reads and writes: each page. One that was bound again has had its pages back zeroed.
    void written(const kernel::VirtioRng& rng, const soc::Soc& soc);
    /// By the pages that its IOMMU can name: table words of a t6000's DART have no bits 13 and 12 of an address.
    std::string unwritten_pages(const kernel::ClientMapping& queue, const soc::Soc& soc) const;
    /// Each consumer that the real kernel bound and put in a group: what it sends is translated where the group's
    /// domain translates, and reaches the memory that was mapped; or the run says why not.
    void traffic(const nlohmann::ordered_json& result, const std::string& console);
    /// What the run says of it, or what no hardware has.
    std::string why_untranslated(const Json& device, const nlohmann::ordered_json& result,
                                 const std::string& console) const;
    /// docs/spec/linux-findings.md 31a: of two consumers of one bank of an msm-iommu, the second's table is there.
    bool lost_its_bank(const std::string& name, const Json& device,
                       const std::map<std::string, std::string>& types) const;
    std::optional<firmware::NodeIndex> node_of(const std::string& device) const;
    std::set<firmware::NodeIndex> providers_of(std::optional<firmware::NodeIndex> node) const;
    std::string_view family_before(std::optional<firmware::NodeIndex> node) const;
    /// A device that the kernel put in no group sends through the same IOMMU, with addresses that mean nothing there;
    /// a Rockchip IOMMU stops for each of its faults.
    bool disturbed(const std::string& device, const std::map<std::string, std::string>& types,
                   const std::map<std::string, nlohmann::ordered_json>& masters) const;
    /// Words of 4 and of 8 bytes that the kernel stored last.
    static std::set<std::uint64_t> words_of(const std::map<std::uint64_t, std::uint32_t>& stored);
    const std::filesystem::path folder_;
    const Behind behind_;
    const Json truth_;
    const firmware::Description board_;
    firmware::MemoryRange memory_;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> windows_;
    std::vector<std::string> given_up_;
    std::vector<Override> inert_;
    std::map<std::string, std::string>
        unwritten_;  ///< pages of a device's queue that still are as the driver left them
    std::map<std::uint64_t, std::uint64_t> reset_;  ///< words that are not 0 before the kernel comes, by address
    std::string text_;
};

inline std::string joined(const std::vector<std::string>& lines) { return fmt::format("{}", fmt::join(lines, " | ")); }

}  // namespace xlate::study::tests
