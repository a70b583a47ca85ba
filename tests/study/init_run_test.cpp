// From a board and a QEMU command alone: `init` makes the config, a run boots it over our hardware, and what the kernel
// did there is what the real kernel did over its fake registers: every case of linux-boot-families, and of linux-boot
// with a device tree, that has an IOMMU with a driver and an engine here. A case without says so.
//   events        of each device in order; refused binds, return codes, ids, groups and their types
//   mappings      the same IOVAs, in order
//   registers     the kernel's writes in order (mmio_trace), and what each register was left with
//   tables        each leaf of tables.json stands in our memory, with our page in the place of the real one
//   traffic       what is translated reaches memory
#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "firmware/device_name.hpp"
#include "firmware/iommu_families.hpp"
#include "iommu/families.hpp"
#include "study/init/init_qemu.hpp"
#include "study/run/run.hpp"
#include "study/run/run_watch.hpp"
#include "tests/kernel-model/family_checks.hpp"
#include "tests/soc/child.hpp"

using namespace xlate;
using namespace xlate::study;
namespace kt = xlate::kernel::tests;
using kt::Json;

namespace {

std::string read_text(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// Both a driver and an engine: what this test is about.
bool is_ours(const firmware::Node& node) {
    return kernel::iommu_driver_of(node) != nullptr && iommu::find_family(firmware::iommu_kind(node).family) != nullptr;
}

struct Access {
    bool write = false;
    std::uint64_t address = 0, value = 0;
    unsigned size = 4;
};

class Recorder final : public RunWatch {
public:
    std::vector<Access> accesses;
    std::map<std::uint64_t, std::uint32_t> stored;  ///< words of memory
    std::function<void(const kernel::Kernel&, const kernel::LinuxBoot&, const soc::Soc&, const kernel::VirtioRng*)> end;
    std::function<void(const soc::Soc&)> start;
    void on_start(const soc::Soc& soc) override { start(soc); }
    void on_register(bool write, PhysAddr address, unsigned size, std::uint64_t value) override {
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

std::string joined(const std::vector<std::string>& lines) { return fmt::format("{}", fmt::join(lines, " | ")); }

/// One case, compared in a process of its own. Each difference is a line.
class Case {
public:
    explicit Case(const std::filesystem::path& folder)
        : folder_(folder),
          truth_(kt::read_json(folder / "truth.json")),
          board_(firmware::read_device_tree(firmware::read_file((folder / "board.dtb").string()), "board.dtb")) {
        for (std::size_t i = 0; i < board_.nodes.size(); ++i) {
            const firmware::Node& node = board_.nodes[i];
            if (!is_ours(node)) continue;
            const std::string device = firmware::linux_device_name(board_, static_cast<firmware::NodeIndex>(i));
            if (gave_up(device, node)) {
                given_up_.push_back(device);
                continue;
            }
            if (!was_traced(node)) continue;
            for (const firmware::Reg& reg : node.regs) {
                const std::uint64_t base = reg.cpu_address.value_or(reg.address);
                windows_.emplace_back(base, base + reg.size);
            }
        }
        memory_ = board_.memory.empty() ? firmware::MemoryRange{0x40000000, 0x40000000} : board_.memory.front();
    }

    /// IOMMUs whose registers are not compared: RAM that never answers made the real driver give up; our hardware does.
    const std::vector<std::string>& given_up() const { return given_up_; }

    std::string compare() {
        const std::string yaml =
            init_config(board_, (folder_ / "board.dtb").string(), read_text(folder_ / "qemu-command.txt"),
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
        };
        const RunReport report = run(config, options);
        if (report.status != ExitStatus::ok) say("status", report.why);
        return text_;
    }

private:
    void say(const std::string& part, const std::string& what) { text_ += part + ": " + what + "\n"; }

    /// What the case's accessors answer beside the RAM stands in its kernel's name, not in the command.
    std::vector<Override> emulated() const {
        std::vector<Override> all;
        const std::string package = truth_["kernel"]["package"];
        if (package.find("drops S2CR fault writes") == std::string::npos) return all;
        for (const firmware::NodeIndex at : board_.providers()) {
            if (firmware::iommu_kind(board_.node(at)).family == "smmuv2")
                all.push_back(
                    {fmt::format("soc.iommus[\"{}\"].smmuv2.firmware_rewrites_s2cr", board_.node(at).path), "yes"});
        }
        return all;
    }

    /// A traced driver's registers; all of a boot without a trace.
    bool was_traced(const firmware::Node& node) const {
        if (!truth_.contains("mmio_trace") || truth_["mmio_trace"].empty()) return true;
        return std::any_of(truth_["mmio_trace"].begin(), truth_["mmio_trace"].end(), [&](const Json& access) {
            const std::uint64_t address = kt::hex_of(access["addr"]);
            return std::any_of(node.regs.begin(), node.regs.end(), [&](const firmware::Reg& reg) {
                return address - reg.cpu_address.value_or(reg.address) < reg.size;
            });
        });
    }

    bool gave_up(const std::string& device, const firmware::Node& node) const {
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

    /// Devices behind IOMMUs that are not ours, and what no IOMMU concerns.
    std::set<std::string> foreign() const {
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
        for (const Json& device : truth_["deferred_at_end"]) all.insert(device.get<std::string>());
        return all;
    }

    /// 6.19 to 7.1 were booted without their modules, which no command line says: what is a module did not bind.
    bool has_modules() const {
        bool could = false;
        for (const Json& device : truth_["devices"]) {
            const bool wanted =
                device.value("id", Json()) == "8086:10d3" || device.value("class", Json()) == "0x010802";
            if (wanted && !device["driver"].is_null()) return true;
            could = could || wanted;
        }
        return !could;
    }
    /// The list of devices was taken before the end of the timeline.
    bool attempt_succeeded(const std::string& name) const {
        return std::any_of(truth_["timeline"].begin(), truth_["timeline"].end(), [&](const Json& event) {
            return event["event"] == "driver_probe" && event["device"] == name && event["ret"] == 0;
        });
    }

    void events(const kernel::Kernel& kernel) {
        if (!has_modules()) return;
        const std::set<std::string> others = foreign();
        const kt::Sequences expected = kt::sequences_of(kt::events_only(truth_));
        const kt::Sequences found = kt::sequences_of(kernel.events);
        for (const auto& [device, lines] : expected) {
            if (others.count(device) != 0) continue;
            const auto ours = found.find(device);
            std::vector<std::string> own =
                kt::timeless(ours == found.end() ? std::vector<std::string>{} : ours->second);
            // A trace that lost the attempt of a device which was bound in the end.
            const auto is_attempt = [](const std::string& line) { return line.rfind("driver_probe", 0) == 0; };
            if (std::none_of(lines.begin(), lines.end(), is_attempt) && is_bound(device))
                own.erase(std::remove_if(own.begin(), own.end(), is_attempt), own.end());
            const std::string have = joined(own);
            const std::string want = joined(kt::timeless(lines));
            if (have != want) say("events of " + device, have + "\n    instead of " + want);
        }
    }

    bool is_bound(const std::string& name) const {
        return std::any_of(truth_["devices"].begin(), truth_["devices"].end(),
                           [&](const Json& device) { return device["name"] == name && !device["driver"].is_null(); });
    }

    void groups(const kernel::LinuxBoot& boot) {
        const std::set<std::string> others = foreign();
        std::map<std::string, std::string> found, drivers, ids;
        for (const kernel::GroupResult& group : boot.groups()) {
            for (const std::string& device : group.devices)
                found[device] = fmt::format("{} {}", group.id, kernel::name(group.type));
        }
        for (const kernel::DeviceResult& device : boot.devices()) {
            drivers[device.name] = device.driver;
            for (const std::uint32_t id : device.ids) ids[device.name] += fmt::format("{:#x} ", id);
        }
        std::set<std::string> grouped;
        for (const Json& group : truth_["groups"]) {
            for (const Json& device : group["devices"]) {
                const std::string name = device;
                grouped.insert(name);
                if (others.count(name) != 0) continue;
                // sysfs says unknown where there is no default domain.
                const std::string type = group["type"] == "unknown" ? "none" : group["type"].get<std::string>();
                const std::string want = fmt::format("{} {}", group["id"].get<unsigned>(), type);
                if (found[name] != want) say("group of " + name, found[name] + " instead of " + want);
            }
        }
        for (const auto& [device, group] : found) {
            if (grouped.count(device) == 0 && others.count(device) == 0 && !group.empty())
                say("group of " + device, group + " instead of none");
        }
        for (const Json& device : truth_["devices"]) {
            const std::string name = device["name"];
            if (device["bus"] == "virtio" || others.count(name) != 0) continue;
            const std::string want = device["driver"].is_null() ? "" : device["driver"].get<std::string>();
            if (has_modules() && !(want.empty() && attempt_succeeded(name)) && drivers[name] != want)
                say("driver of " + name, "'" + drivers[name] + "' instead of '" + want + "'");
            if (device["stream_ids"].is_null() || device["group"].is_null()) continue;
            std::string recorded;
            for (const Json& id : device["stream_ids"]) recorded += fmt::format("{:#x} ", kt::hex_of(id));
            if (ids[name] != recorded) say("ids of " + name, ids[name] + " instead of " + recorded);
        }
    }

    bool has_trace() const { return truth_.contains("dma_trace") && !truth_["dma_trace"].empty(); }

    void mappings(const kernel::LinuxBoot& boot, const kernel::VirtioRng& rng) {
        if (!has_trace()) return;
        std::set<std::string> translated;
        for (const kernel::DeviceResult& device : boot.devices()) {
            if (device.group && device.domain != kernel::DomainType::identity) translated.insert(device.name);
        }
        std::vector<kernel::ClientMapping> ours;
        for (const kernel::ClientMapping& one : rng.mappings()) {
            if (translated.count(one.device) != 0) ours.push_back(one);
        }
        const std::string have = joined(kt::pages_of(ours)), want = joined(kt::pages_of(truth_["dma_trace"]));
        if (have != want) say("mappings", have + "\n    instead of " + want);
    }

    bool within(std::uint64_t address) const {
        return std::any_of(windows_.begin(), windows_.end(),
                           [&](const auto& one) { return address >= one.first && address < one.second; });
    }
    /// Both name a table in memory (each its own): as an address, by its page's number, by that shifted. All other bits
    /// are the same.
    bool both_name_memory(std::uint64_t theirs, std::uint64_t ours) const {
        struct Form {
            std::uint64_t mask;  ///< of the field
            unsigned field_lsb, address_lsb;
        };
        constexpr Form kForms[] = {{0xFFFFFFFFF000, 12, 12}, {0x0FFFFFFF, 0, 12}, {0x3FFFFFFC, 2, 14}};
        return std::any_of(std::begin(kForms), std::end(kForms), [&](const Form& form) {
            const auto there = [&](std::uint64_t value) {
                const std::uint64_t address = (value & form.mask) >> form.field_lsb << form.address_lsb;
                return address >= memory_.base && address - memory_.base < memory_.size;
            };
            return there(theirs) && there(ours) && (theirs & ~form.mask) == (ours & ~form.mask);
        });
    }
    /// What a driver reads, changes and writes back has the bits with which our hardware starts; RAM starts with none.
    bool same_value(std::uint64_t address, std::uint64_t theirs, std::uint64_t ours) const {
        const auto reset = reset_.find(address);
        return theirs == ours || both_name_memory(theirs, ours) ||
               (reset != reset_.end() && ((theirs ^ ours) & ~reset->second) == 0 && (theirs & ~ours) == 0);
    }
    static std::string text_of(std::uint64_t address, std::uint64_t value) {
        return fmt::format("{:#x} = {:#x}", address, value);
    }

    void register_writes(const std::vector<Access>& accesses) {
        if (!truth_.contains("mmio_trace")) return;
        std::vector<std::pair<std::uint64_t, std::uint64_t>> want, have;
        for (const Json& access : truth_["mmio_trace"]) {
            const std::uint64_t address = kt::hex_of(access["addr"]);
            if (access["op"].get<std::string>().front() == 'W' && within(address))
                want.emplace_back(address, kt::hex_of(access["value"]));
        }
        for (const Access& access : accesses) {
            if (access.write && within(access.address)) have.emplace_back(access.address, access.value);
        }
        const std::size_t both = std::min(want.size(), have.size());
        for (std::size_t i = 0; i < both; ++i) {
            if (want[i].first == have[i].first && same_value(want[i].first, want[i].second, have[i].second)) continue;
            return say("register writes",
                       fmt::format("{} of {}: {} instead of {}", i, want.size(), text_of(have[i].first, have[i].second),
                                   text_of(want[i].first, want[i].second)));
        }
        if (want.size() != have.size()) {
            const auto& more = want.size() > both ? want : have;
            say("register writes", fmt::format("{} instead of {}; the first of the others: {}", have.size(),
                                               want.size(), text_of(more[both].first, more[both].second)));
        }
    }

    /// Clients other than virtio-rng map other things than the real ones did, so that invalidations come at other
    /// times: what is written to each register is the same.
    void register_values(const std::vector<Access>& accesses) {
        if (!truth_.contains("mmio_trace")) return;
        std::map<std::uint64_t, std::set<std::uint64_t>> want, have;
        for (const Json& access : truth_["mmio_trace"]) {
            const std::uint64_t address = kt::hex_of(access["addr"]);
            if (access["op"].get<std::string>().front() == 'W' && within(address))
                want[address].insert(kt::hex_of(access["value"]));
        }
        for (const Access& access : accesses) {
            if (access.write && within(access.address)) have[access.address].insert(access.value);
        }
        const auto lacks = [&](const auto& all, const auto& others, bool theirs, const char* what) {
            for (const auto& [address, values] : all) {
                const auto found = others.find(address);
                for (const std::uint64_t value : values) {
                    const bool there =
                        found != others.end() &&
                        std::any_of(found->second.begin(), found->second.end(), [&, at = address](std::uint64_t other) {
                            return theirs ? same_value(at, value, other) : same_value(at, other, value);
                        });
                    if (!there) say("register values", text_of(address, value) + what);
                }
            }
        };
        lacks(want, have, true, " is not written here");
        lacks(have, want, false, " is written here only");
    }

    /// RAM keeps what was written and what a loader put there; a register that is a command, a status or not
    /// implemented does not. What the kernel left is what it wrote last.
    void registers_after_boot(const std::vector<Access>& accesses, const soc::Soc& soc) {
        if (!truth_.contains("registers_after_boot") || truth_["registers_after_boot"].is_null()) return;
        std::map<std::uint64_t, std::uint64_t> last;
        for (const Access& access : accesses) {
            if (!access.write) continue;
            last[access.address] = access.value & 0xFFFFFFFF;
            if (access.size == 8) last[access.address + 4] = access.value >> 32;
        }
        kt::RegisterMachine presets;
        presets.preset(folder_);
        std::set<std::uint64_t> theirs;
        const bool traced = truth_.contains("mmio_trace");
        if (traced) {
            for (const Json& access : truth_["mmio_trace"]) {
                if (access["op"].get<std::string>().front() != 'W') continue;
                theirs.insert(kt::hex_of(access["addr"]));
                if (access["op"] == "W64") theirs.insert(kt::hex_of(access["addr"]) + 4);
            }
        }
        for (const auto& [key, value] : truth_["registers_after_boot"].items()) {
            const std::uint64_t address = std::stoull(key, nullptr, 0);
            if (!within(address)) continue;
            const std::uint64_t want = kt::hex_of(value);
            const std::uint64_t hardware = soc.peek_register(PhysAddr{address}, 4);
            const auto written = last.find(address);
            if (traced && written == last.end() && theirs.count(address) == 0) continue;  // the hardware's own
            const std::uint64_t left = written != last.end() ? written->second : presets.word(address);
            if (same_value(address, want, hardware) || same_value(address, want, left)) continue;
            say("register",
                fmt::format("{:#x} is {:#x}, the kernel left {:#x} instead of {:#x}", address, hardware, left, want));
        }
    }

    static void words_in(const Json& node, std::vector<std::uint64_t>& words) {
        if (node.is_string()) {
            const std::string text = node;
            if (text.rfind("0x", 0) == 0) words.push_back(std::stoull(text, nullptr, 0));
        } else if (node.is_structured()) {
            for (const auto& [key, below] : node.items()) words_in(below, words);
        }
    }

    void tables(const kernel::VirtioRng& rng, const std::set<std::uint64_t>& ours) {
        const std::filesystem::path file = folder_ / "tables.json";
        if (!has_trace() || !std::filesystem::exists(file)) return;
        // The real page -> ours, by the IOVA to which both were mapped in the end.
        std::map<std::uint64_t, std::uint64_t> by_iova;
        for (const kernel::ClientMapping& one : rng.mappings()) {
            for (std::uint64_t at = 0; !one.unmap && at < one.size; at += 4096)
                by_iova[one.iova.value + at] = one.memory.value + at;
        }
        std::map<std::uint64_t, std::set<std::uint64_t>> frames;
        for (const Json& one : truth_["dma_trace"]) {
            if (one["event"] != "map" || kt::hex_of(one["iova"]) == kt::hex_of(one["paddr"])) continue;
            for (std::uint64_t at = 0; at < one["size"].get<std::uint64_t>(); at += 4096) {
                const auto at_iova = by_iova.find(kt::hex_of(one["iova"]) + at);
                if (at_iova != by_iova.end()) frames[kt::hex_of(one["paddr"]) + at].insert(at_iova->second);
            }
        }
        std::vector<std::uint64_t> words;
        words_in(kt::read_json(file), words);
        unsigned found = 0, missing = 0;
        std::string first;
        for (const std::uint64_t word : words) {
            const auto page = std::find_if(frames.begin(), frames.end(), [&](const auto& one) {
                return (word & 0xFFFFFFFFF000) == one.first || (word & 0xFFFFF) == one.first >> 12 ||
                       (word & 0xFFFFFFFF00) == one.first >> 4;
            });
            if (page == frames.end()) continue;
            const unsigned shift = (word & 0xFFFFFFFFF000) == page->first  ? 0
                                   : (word & 0xFFFFF) == page->first >> 12 ? 12
                                                                           : 4;
            const bool there = std::any_of(page->second.begin(), page->second.end(), [&](std::uint64_t own) {
                return ours.count(word - (page->first >> shift) + (own >> shift)) != 0;
            });
            ++(there ? found : missing);
            if (!there && first.empty())
                first = fmt::format("{:#x}, whose page is {:#x} here", word, *page->second.begin());
        }
        if (missing != 0)
            say("tables", fmt::format("{} of {} words are not here; the first: {}", missing, found + missing, first));
    }

    /// Words of 4 and of 8 bytes that the kernel stored last.
    static std::set<std::uint64_t> words_of(const std::map<std::uint64_t, std::uint32_t>& stored) {
        std::set<std::uint64_t> words;
        for (const auto& [address, word] : stored) {
            words.insert(word);
            const auto next = stored.find(address + 4);
            if (address % 8 == 0 && next != stored.end()) words.insert(std::uint64_t{next->second} << 32 | word);
        }
        return words;
    }

    const std::filesystem::path folder_;
    const Json truth_;
    const firmware::Description board_;
    firmware::MemoryRange memory_;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> windows_;
    std::vector<std::string> given_up_;
    std::map<std::uint64_t, std::uint64_t> reset_;  ///< words that are not 0 before the kernel comes, by address
    std::string text_;
};

}  // namespace

namespace {

/// What is not the real kernel's yet, by family and part, and why. Said, not checked.
struct Known {
    std::string_view family, part, why;
};
constexpr std::string_view kNotYet = "not looked at yet";
constexpr std::array kKnown{
    Known{"omap", "events of ", "omap3isp is a module there, and built in here"},
    Known{"ipmmu", "", kNotYet},
    Known{"mediatek", "", kNotYet},
    Known{"msm", "", kNotYet},
    Known{"qcom", "", kNotYet},
    Known{"riscv", "", kNotYet},
    Known{"virtio-iommu", "", kNotYet},
};

/// The differences that are not in the list of known ones; says the others.
std::string unknown(const std::filesystem::path& folder, const std::string& text) {
    const auto tree = firmware::read_device_tree(firmware::read_file((folder / "board.dtb").string()), "board.dtb");
    std::string rest;
    const Known* known = nullptr;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string line = text.substr(at, end - at);
        at = end + 1;
        if (line.rfind("    ", 0) != 0) {
            known = nullptr;
            for (const Known& one : kKnown) {
                const bool here = std::any_of(tree.nodes.begin(), tree.nodes.end(), [&](const firmware::Node& node) {
                    return firmware::iommu_kind(node).family == one.family;
                });
                if (here && line.rfind(one.part, 0) == 0) known = &one;
            }
            if (known != nullptr) WARN(folder.filename().string() + ": " + line + " (" + std::string(known->why) + ")");
        }
        if (known == nullptr) rest += line + "\n";
    }
    return rest;
}

}  // namespace

TEST_CASE("init and run: every recorded boot of an IOMMU that is modelled is the real kernel's",
          "[study][linux-boot]") {
    if (tests::skip_without_corpus()) return;
    unsigned compared = 0;
    for (const auto& folder : kt::boots_with([](const firmware::Node& node) { return is_ours(node); })) {
        const std::string name = folder.filename().string();
        ++compared;
        INFO(name);
        const Case one(folder);
        for (const std::string& device : one.given_up())
            WARN(name + ": registers of " + device +
                 " are not compared: its RAM did not answer, and the driver gave up");
        CHECK(unknown(folder, tests::in_child([&] { return Case(folder).compare(); })) == "");
    }
    CHECK(compared > 0);
    for (const auto& folder : kt::boots_that({"linux-boot-families"}, [](const auto&) { return true; })) {
        const auto tree = firmware::read_device_tree(firmware::read_file((folder / "board.dtb").string()), "board.dtb");
        if (std::none_of(tree.nodes.begin(), tree.nodes.end(), is_ours))
            WARN(folder.filename().string() + " skipped: no driver or no engine for its IOMMUs");
    }
}
