#include "tests/study/recorded_boot.hpp"

#include <algorithm>
#include <fstream>
#include <functional>

#include "firmware/device_name.hpp"
#include "firmware/iommu_families.hpp"
#include "iommu/families.hpp"
#include "study/init/qemu/qemu_config.hpp"
#include "study/run/run.hpp"

namespace xlate::study::tests {

namespace {

std::string read_text(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

class Recorder final : public RunWatch {
public:
    std::vector<Access> accesses;
    std::map<std::uint64_t, std::uint32_t> stored;  ///< words of memory
    std::function<void(const kernel::Kernel&, const kernel::LinuxBoot&, const soc::Soc&, const kernel::VirtioRng*)> end;
    std::function<void(const soc::Soc&)> start;
    void on_start(const soc::Soc& soc) override { start(soc); }
    /// Registers that were memory raised no interrupt: what a handler does answers faults of our own traffic.
    void on_register(bool write, PhysAddr address, unsigned size, std::uint64_t value) override {
        const kernel::Task* const task = kernel::current_task();
        if (task != nullptr && task->name.rfind("irq/", 0) == 0) return;
        accesses.push_back({write, address.value, value, size});
    }
    void on_store(PhysAddr address, const std::uint8_t* bytes, std::size_t size) override {
        if (address.value % 4 != 0) return;
        for (std::size_t i = 0; i + 4 <= size; i += 4)
            stored[address.value + i] = static_cast<std::uint32_t>(load_le(bytes + i, 4));
    }
    void on_end(const kernel::Kernel& kernel, const kernel::LinuxBoot& boot, const soc::Soc& soc,
                const kernel::VirtioRng* rng) override {
        end(kernel, boot, soc, rng);
    }
};

}  // namespace

bool is_ours(const firmware::Node& node) {
    return kernel::iommu_driver_of(node) != nullptr && iommu::find_family(firmware::iommu_kind(node).family) != nullptr;
}

RecordedBoot::RecordedBoot(const std::filesystem::path& folder, Behind behind)
    : folder_(folder),
      behind_(behind),
      truth_(kt::read_json(folder / "truth.json")),
      board_(firmware::read_device_tree(firmware::read_file((folder / "board.dtb").string()), "board.dtb")) {
    for (std::size_t i = 0; i < board_.nodes.size(); ++i) {
        const firmware::Node& node = board_.nodes[i];
        if (!is_ours(node)) continue;
        const std::string device = firmware::linux_device_name(board_, static_cast<firmware::NodeIndex>(i));
        if (gave_up(device, node)) {
            given_up_.push_back(device);
            if (behind_ == Behind::hardware) continue;
            inert_.push_back({fmt::format("soc.iommus[\"{}\"].inert", node.path), "true"});
        }
        if (!was_traced(node)) continue;
        for (const firmware::Reg& reg : node.regs) {
            const std::uint64_t base = reg.cpu_address.value_or(reg.address);
            windows_.emplace_back(base, base + reg.size);
        }
    }
    memory_ = board_.memory.empty() ? firmware::MemoryRange{0x40000000, 0x40000000} : board_.memory.front();
}

std::string RecordedBoot::compare() {
    const std::string yaml =
        qemu_config(board_, {(folder_ / "board.dtb").string()}, read_text(folder_ / "qemu-command.txt"),
                    (folder_ / "qemu-command.txt").string());
    Config config = parse_config(yaml, "init.yaml", emulated());
    Recorder recorder;
    RunOptions options;
    options.watch = &recorder;
    recorder.start = [&](const soc::Soc& soc) {
        for (const auto& [first, end] : windows_) {
            for (std::uint64_t at = first; at < end; at += 4)
                if (const std::uint64_t word = soc.peek_register(PhysAddr{at}, 4); word != 0) reset_[at] = word;
        }
    };
    recorder.end = [&](const kernel::Kernel& kernel, const kernel::LinuxBoot& boot, const soc::Soc& soc,
                       const kernel::VirtioRng* rng) {
        events(kernel);
        groups(boot);
        if (rng != nullptr) mappings(boot, *rng);
        if (rng != nullptr) {
            register_writes(recorder.accesses);
        } else {
            register_values(recorder.accesses);
        }
        registers_after_boot(recorder.accesses, soc);
        if (rng != nullptr) tables(*rng, words_of(recorder.stored));
        if (rng != nullptr && behind_ == Behind::hardware) written(*rng, soc);
    };
    const RunReport report = run(config, options);
    if (report.status != ExitStatus::ok) say("status", report.why);
    if (behind_ == Behind::hardware) traffic(report.result, report.console);
    return text_;
}

std::vector<Override> RecordedBoot::emulated() const {
    std::vector<Override> all{{"soc.payload", "full"}};
    all.insert(all.end(), inert_.begin(), inert_.end());
    for (const firmware::NodeIndex at : board_.providers()) {
        if (firmware::iommu_kind(board_.node(at)).family == "mediatek")
            all.push_back({fmt::format("soc.iommus[\"{}\"].registers[\"0x54\"]", board_.node(at).path), "0"});
    }
    const std::string package = truth_["kernel"]["package"];
    if (package.find("drops S2CR fault writes") == std::string::npos) return all;
    for (const firmware::NodeIndex at : board_.providers()) {
        if (firmware::iommu_kind(board_.node(at)).family == "smmuv2")
            all.push_back(
                {fmt::format("soc.iommus[\"{}\"].smmuv2.firmware_rewrites_s2cr", board_.node(at).path), "yes"});
    }
    return all;
}

bool RecordedBoot::was_traced(const firmware::Node& node) const {
    if (!truth_.contains("mmio_trace") || truth_["mmio_trace"].empty()) return true;
    return std::any_of(truth_["mmio_trace"].begin(), truth_["mmio_trace"].end(), [&](const Json& access) {
        const std::uint64_t address = kt::hex_of(access["addr"]);
        return std::any_of(node.regs.begin(), node.regs.end(), [&](const firmware::Reg& reg) {
            return address - reg.cpu_address.value_or(reg.address) < reg.size;
        });
    });
}

bool RecordedBoot::gave_up(const std::string& device, const firmware::Node& node) const {
    // Polled in vain.
    constexpr unsigned kMany = 20;
    unsigned polls = 0;
    std::uint64_t last = 0;
    for (const Json& access : truth_.value("mmio_trace", Json::array())) {
        const std::uint64_t address = kt::hex_of(access["addr"]);
        const bool again = access["op"].get<std::string>().front() == 'R' && address == last;
        polls = again ? polls + 1 : 0;
        last = address;
        const bool here = std::any_of(node.regs.begin(), node.regs.end(), [&](const firmware::Reg& reg) {
            return address - reg.cpu_address.value_or(reg.address) < reg.size;
        });
        if (here && polls >= kMany) return true;
    }
    if (!truth_.contains("dmesg_iommu")) return false;
    return std::any_of(truth_["dmesg_iommu"].begin(), truth_["dmesg_iommu"].end(), [&](const Json& line) {
        const std::string text = line;
        return text.find("timed out") != std::string::npos && text.find(device) != std::string::npos;
    });
}

std::set<std::string> RecordedBoot::foreign() const {
    std::set<std::string> all;
    for (const Json& iommu : truth_["iommus"]) {
        bool ours = false;
        for (std::size_t i = 0; i < board_.nodes.size(); ++i) {
            ours = ours || (is_ours(board_.nodes[i]) &&
                            firmware::linux_device_name(board_, static_cast<firmware::NodeIndex>(i)) ==
                                iommu["device"].get<std::string>());
        }
        if (ours) continue;
        all.insert(iommu["device"].get<std::string>());
        for (const Json& member : iommu["members"]) all.insert(member.get<std::string>());
    }
    for (const Json& device : truth_["devices"]) {
        if (device["driver"] == "simple-reset") all.insert(device["name"].get<std::string>());
    }
    return all;
}

bool RecordedBoot::waited_at_end(const std::string& name) const {
    const Json waiting = truth_.value("deferred_at_end", Json::array());
    return std::find(waiting.begin(), waiting.end(), name) != waiting.end();
}

bool RecordedBoot::has_modules() const {
    bool could = false;
    for (const Json& device : truth_["devices"]) {
        const bool wanted = device.value("id", Json()) == "8086:10d3" || device.value("class", Json()) == "0x010802";
        if (wanted && !device["driver"].is_null()) return true;
        could = could || wanted;
    }
    return !could;
}

bool RecordedBoot::attempt_succeeded(const std::string& name) const {
    return std::any_of(truth_["timeline"].begin(), truth_["timeline"].end(), [&](const Json& event) {
        return event["event"] == "driver_probe" && event["device"] == name && event["ret"] == 0;
    });
}

bool RecordedBoot::is_bound(const std::string& name) const {
    return std::any_of(truth_["devices"].begin(), truth_["devices"].end(),
                       [&](const Json& device) { return device["name"] == name && !device["driver"].is_null(); });
}

bool RecordedBoot::within(std::uint64_t address) const {
    return std::any_of(windows_.begin(), windows_.end(),
                       [&](const auto& one) { return address >= one.first && address < one.second; });
}

std::optional<firmware::NodeIndex> RecordedBoot::node_of(const std::string& device) const {
    for (std::size_t i = 0; i < board_.nodes.size(); ++i) {
        const auto node = static_cast<firmware::NodeIndex>(i);
        if (firmware::linux_device_name(board_, node) == device) return node;
    }
    return std::nullopt;
}

std::set<firmware::NodeIndex> RecordedBoot::providers_of(std::optional<firmware::NodeIndex> node) const {
    std::set<firmware::NodeIndex> all;
    if (!node) return all;
    for (const firmware::IommuEntry* entry : board_.effective_iommus(*node).entries) {
        if (entry->provider) all.insert(*entry->provider);
    }
    return all;
}

std::string_view RecordedBoot::family_before(std::optional<firmware::NodeIndex> node) const {
    const std::set<firmware::NodeIndex> all = providers_of(node);
    return all.empty() ? std::string_view{} : firmware::iommu_kind(board_.node(*all.begin())).family;
}

}  // namespace xlate::study::tests
