// YAML into Config: the reading visitor, what follows from what was written, and where input files are found.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "study/config/config.hpp"
#include "study/config/yaml/extends.hpp"
#include "study/config/yaml/parse.hpp"

namespace xlate::study {
namespace {

using yaml::Findings;
using yaml::Kind;
using yaml::MapReader;
using yaml::Value;

constexpr const char* kStandardInput = "/dev/stdin";

/// Sets the fields whose keys are in the document; the others keep their defaults.
class ReadVisitor : public ParameterVisitor {
public:
    ReadVisitor(const Value& root, Findings& findings, std::map<std::string, yaml::Place>& origins)
        : findings_(findings), origins_(origins) {
        enter(root, "");
    }
    void finish() { leave(); }

    void map(const char* key, const char*, const Inside& inside) override {
        const Value* value = take(key);
        if (value == nullptr) return;
        enter(*value, path_of(key));
        inside();
        leave();
    }
    void boolean(const char* key, const char*, bool& field) override {
        if (const Value* value = take(key)) yaml::read(*value, path_of(key), findings_, field);
    }
    void integer(const char* key, const char*, std::uint64_t& field, std::uint64_t low, std::uint64_t high) override {
        if (const Value* value = take(key)) yaml::read_integer(*value, path_of(key), findings_, field, low, high);
    }
    void bytes(const char* key, const char*, std::uint64_t& field, std::uint64_t low, std::uint64_t high) override {
        const Value* value = take(key);
        std::uint64_t read = 0;
        if (value == nullptr || !yaml::read_bytes(*value, path_of(key), findings_, read)) return;
        if (read < low || read > high) {
            findings_.add(value->place, path_of(key), fmt::format("{} is out of range", value->text),
                          fmt::format("{} to {}", format_bytes(low), format_bytes(high)));
            return;
        }
        field = read;
    }
    void bandwidth(const char* key, const char*, std::uint64_t& field) override {
        if (const Value* value = take(key)) yaml::read_bandwidth(*value, path_of(key), findings_, field);
    }
    void time(const char* key, const char*, SimTime& field) override { read_plain(key, field); }
    void cycles(const char* key, const char*, Cycles& field) override { read_plain(key, field); }
    void clock(const char* key, const char*, ClockPeriod& field) override { read_plain(key, field); }
    void ratio(const char* key, const char*, Ratio& field) override { read_plain(key, field); }
    void text(const char* key, const char*, std::string& field) override { read_plain(key, field); }
    void choice(const char* key, const char*, std::size_t& field, const std::vector<std::string>& names) override {
        if (const Value* value = take(key)) yaml::read_choice(*value, path_of(key), findings_, names, field);
    }
    void texts(const char* key, const char*, std::vector<std::string>& field) override {
        const Value* value = take(key);
        if (value == nullptr || !is(*value, Kind::list, key, "a list")) return;
        field.assign(value->items.size(), "");
        for (std::size_t i = 0; i < field.size(); ++i) {
            const std::string path = yaml::join_path(path_of(key), i);
            origins_[path] = value->items[i].place;
            yaml::read(value->items[i], path, findings_, field[i]);
        }
    }
    void text_map(const char* key, const char*, std::map<std::string, std::string>& field) override {
        const Value* value = take(key);
        if (value == nullptr || value->kind == Kind::null || !is(*value, Kind::map, key, "a map")) return;
        for (const yaml::Entry& entry : value->entries) {
            const std::string path = yaml::join_path(path_of(key), entry.key);
            origins_[path] = entry.value.place;
            yaml::read(entry.value, path, findings_, field[entry.key]);
        }
    }
    void list(const char* key, const char*, const char*, std::size_t, const std::function<void(std::size_t)>& resize,
              const std::function<void(std::size_t)>& element) override {
        const Value* value = take(key);
        if (value == nullptr || !is(*value, Kind::list, key, "a list")) return;
        resize(value->items.size());
        for (std::size_t i = 0; i < value->items.size(); ++i) {
            const std::string path = yaml::join_path(path_of(key), i);
            origins_[path] = value->items[i].place;
            enter(value->items[i], path);
            element(i);
            leave();
        }
    }
    void named(const char* key, const char*, const char*, const std::vector<std::string>&,
               const std::function<void(const std::string&)>& add,
               const std::function<void(const std::string&)>& element) override {
        const Value* value = take(key);
        if (value == nullptr || value->kind == Kind::null || !is(*value, Kind::map, key, "a map")) return;
        for (const yaml::Entry& entry : value->entries) {
            const std::string path = yaml::join_path(path_of(key), entry.key);
            origins_[path] = entry.place;
            add(entry.key);
            enter(entry.value, path);
            element(entry.key);
            leave();
        }
    }

private:
    template <typename T>
    void read_plain(const char* key, T& field) {
        if (const Value* value = take(key)) yaml::read(*value, path_of(key), findings_, field);
    }
    const Value* take(const char* key) {
        const Value* value = maps_.back()->take(key);
        if (value != nullptr) origins_[path_of(key)] = value->place;
        return value;
    }
    bool is(const Value& value, Kind kind, const char* key, const char* expected) {
        if (value.kind == kind) return true;
        findings_.add(value.place, path_of(key), "found " + value.describe(), expected);
        return false;
    }
    std::string path_of(const char* key) const { return maps_.back()->path_of(key); }
    void enter(const Value& value, std::string path) {
        maps_.push_back(std::make_unique<MapReader>(value, std::move(path), findings_));
    }
    void leave() {
        maps_.back()->finish();
        maps_.pop_back();
    }

    Findings& findings_;
    std::map<std::string, yaml::Place>& origins_;
    std::vector<std::unique_ptr<MapReader>> maps_;
};

/// Giving an ATC's entries switches it on, however deep its function sits.
void derive_pci(const Config& config, std::vector<PciConfig>& functions, const std::string& path) {
    for (std::size_t i = 0; i < functions.size(); ++i) {
        const std::string at = fmt::format("{}[{}]", path, i);
        if (config.given(at + ".atc.entries") && !config.given(at + ".atc.enabled")) {
            functions[i].atc.shape.enabled = true;
        }
        derive_pci(config, functions[i].below, at + ".below");
    }
}

/// What was given below `path` switches structures on.
void derive_iommu(const Config& config, const std::string& path, IommuConfig& iommu, ClockPeriod clock) {
    if (!config.given(path + ".clock")) iommu.params.clock = clock;
    const auto on_if_given = [&](const std::string& name, bool& enabled) {
        if (config.given(path + name + ".entries") && !config.given(path + name + ".enabled")) enabled = true;
    };
    on_if_given(".tbu.micro_tlb", iommu.params.tbu.micro_tlb.shape.enabled);
    on_if_given(".tbu.tlb", iommu.params.tbu.main_tlb.shape.enabled);
    for (auto& [name, tbu] : iommu.params.tbus) {
        const std::string at = yaml::join_path(".tbus", name);
        on_if_given(at + ".micro_tlb", tbu.micro_tlb.shape.enabled);
        on_if_given(at + ".tlb", tbu.main_tlb.shape.enabled);
    }
    on_if_given(".tcu.tlb", iommu.params.tcu.tlb.shape.enabled);
    on_if_given(".tcu.config_cache", iommu.params.tcu.config_cache.shape.enabled);
    on_if_given(".tcu.ipa_cache", iommu.params.tcu.ipa_cache.shape.enabled);
}

constexpr std::uint64_t kMostUntilSettled = 1'000'000;         // transfers: some that never settle
constexpr std::uint64_t kMostInTime = std::uint64_t{1} << 40;  // as many as there is time for

/// Values whose default is another value, and switches that are on because something below them was given.
void derive(Config& config) {
    if (!config.given("soc.interconnect.response_latency")) {
        config.soc.interconnect.response_latency = config.soc.interconnect.request_latency;
    }
    for (auto& [name, subnet] : config.soc.interconnects) {
        const std::string path = yaml::join_path("soc.interconnects", name);
        if (!config.given(path + ".clock")) subnet.clock = config.soc.system_clock;
        if (!config.given(path + ".response_latency"))
            subnet.crossbar.response_latency = subnet.crossbar.request_latency;
    }
    derive_iommu(config, "soc.iommu", config.soc.iommu, config.soc.system_clock);
    for (auto& [name, iommu] : config.soc.iommus) {
        derive_iommu(config, yaml::join_path("soc.iommus", name), iommu, config.soc.iommu.params.clock);
    }
    derive_pci(config, config.soc.pci, "soc.pci");
    for (std::size_t i = 0; i < config.traffic.size(); ++i) {
        TrafficConfig& traffic = config.traffic[i];
        const std::string path = fmt::format("traffic[{}]", i);
        if (config.given(path + ".unmap.after") && !config.given(path + ".unmap.active")) traffic.unmap.active = true;
        if (config.given(path + ".transfers")) continue;
        if (traffic.until_settled) {
            traffic.params.transfers = kMostUntilSettled;
        } else if (traffic.time.fs != 0) {
            traffic.params.transfers = kMostInTime;
        }
    }
}

template <typename Add>
void check_warmup(const TrafficConfig& traffic, const std::string& path, const Add& add) {
    const Parsed<WarmUp> warmup = warmup_of(traffic);
    if (!warmup) {
        add(path + ".warmup", fmt::format("found '{}'", traffic.warmup),
            "a number of transfers, or a time such as '10 us'");
    } else if (const Parsed<std::uint64_t> transfers = parse_integer(traffic.warmup);
               transfers && transfers.value() != 0 && transfers.value() >= traffic.params.transfers) {
        add(path + ".warmup",
            fmt::format("{} transfers are left out of {}: nothing is left", transfers.value(),
                        traffic.params.transfers),
            "less than traffic[].transfers");
    }
}

void check(const Config& config, Findings& findings) {
    const FirmwareConfig& firmware = config.firmware;
    const int sources =
        (firmware.devicetree.empty() ? 0 : 1) + (firmware.acpi.empty() ? 0 : 1) + (firmware.generate.empty() ? 0 : 1);
    const auto add = [&](const std::string& path, std::string what, std::string expected = {}) {
        findings.add(Diagnostic{config.where(path), path, std::move(what), std::move(expected), ""});
    };
    if (sources != 1) {
        add("firmware", sources == 0 ? "no firmware is named" : "more than one kind of firmware",
            "one of devicetree, acpi, generate");
    }
    if (!firmware.overlays.empty() && firmware.devicetree.empty())
        add("firmware.overlays", "overlays without a board", "firmware.devicetree beside them");
    if (!firmware.generate.empty() && firmware.generate != "devicetree" && firmware.generate != "acpi")
        add("firmware.generate", fmt::format("'{}' cannot be made", printable(firmware.generate)),
            "devicetree or acpi");
    if (firmware.generate.empty() && config.given("soc.board"))
        add("soc.board", "the firmware says what the board is", "this key only with firmware.generate");
    const auto not_both = [&](const std::string& path, const char* one, const char* other) {
        if (!config.given(path + "." + one) || !config.given(path + "." + other)) return;
        add(path + "." + one, fmt::format("says the same as {}, which is also there", other), "one of them");
    };
    std::map<std::string, std::size_t> with_traffic;
    for (std::size_t i = 0; i < config.traffic.size(); ++i) {
        const std::string path = fmt::format("traffic[{}]", i);
        if (config.traffic[i].device.empty()) {
            add(path, "key 'device' is missing");
            continue;
        }
        check_warmup(config.traffic[i], path, add);
        not_both(path, "rate", "interval");
        not_both(path, "pages", "segments");
        const std::uint64_t transaction = config.traffic[i].transaction_bytes;
        if (transaction != 0 && config.traffic[i].params.size_bytes % transaction != 0) {
            add(path + ".transaction",
                fmt::format("a transfer of {} is no whole number of transactions of {}",
                            format_bytes(config.traffic[i].params.size_bytes), format_bytes(transaction)));
        }
        const auto [first, is_new] = with_traffic.emplace(config.traffic[i].device, i);
        if (!is_new) {
            add(path + ".device",
                fmt::format("'{}' has traffic already, at traffic[{}]", config.traffic[i].device, first->second));
        }
    }
    for (std::size_t i = 0; i < config.rogues.size(); ++i) {
        if (with_traffic.count(config.rogues[i].device) == 0) {
            add(fmt::format("rogues[{}].device", i), fmt::format("'{}' has no traffic", config.rogues[i].device),
                "a device of the list 'traffic', which says what it sends");
        }
    }
    for (std::size_t i = 0; i < config.kernel.modules.size(); ++i) {
        if (config.kernel.modules[i].name.empty()) add(fmt::format("kernel.modules[{}]", i), "key 'name' is missing");
    }
}

bool is_device_tree(const std::string& text, const std::string& file) {
    constexpr std::string_view kMagic = "\xD0\x0D\xFE\xED";
    return text.compare(0, kMagic.size(), kMagic) == 0 || std::filesystem::path(file).extension() == ".dtb";
}

/// What a pipe is called in messages and results; nothing: `file` is none.
std::optional<std::string> name_of_pipe(const std::string& file) {
    std::error_code ignored;
    const auto kind = std::filesystem::status(file, ignored).type();
    if (kind != std::filesystem::file_type::fifo && kind != std::filesystem::file_type::character &&
        kind != std::filesystem::file_type::socket)
        return std::nullopt;
    return file == kStandardInput ? "stdin" : "pipe";
}

/// A value that a study sets stands where the study says so.
void place_at(Value& value, const yaml::Place& place) {
    value.place = place;
    for (Value& item : value.items) place_at(item, place);
    for (yaml::Entry& entry : value.entries) {
        entry.place = place;
        place_at(entry.value, place);
    }
}

/// `port`, `ports` and `core` are `tbu`, `tbus` and `tcu` of any family.
void rename_parts(Value& iommu, const std::string& path, Findings& findings) {
    constexpr const char* kNames[][2] = {{"port", "tbu"}, {"ports", "tbus"}, {"core", "tcu"}};
    for (const auto& name : kNames) {
        const bool both = iommu.find(name[0]) != nullptr && iommu.find(name[1]) != nullptr;
        for (yaml::Entry& entry : iommu.entries) {
            if (entry.key != name[0]) continue;
            if (both) {
                findings.add(entry.place, yaml::join_path(path, name[0]),
                             fmt::format("means the same as {}, which is also there", name[1]), "one of them");
            }
            entry.key = name[1];
        }
    }
}

void rename_parts(Value& root, Findings& findings) {
    Value* soc = root.find("soc");
    if (soc == nullptr) return;
    if (Value* every = soc->find("iommu")) rename_parts(*every, "soc.iommu", findings);
    Value* single = soc->find("iommus");
    if (single == nullptr) return;
    for (yaml::Entry& entry : single->entries) {
        rename_parts(entry.value, yaml::join_path("soc.iommus", entry.key), findings);
    }
}

Config read_config(Value root, const std::string& file, const std::vector<Override>& overrides) {
    // What a study varies is not the run's business (study/sweep/study.hpp).
    root.entries.erase(std::remove_if(root.entries.begin(), root.entries.end(),
                                      [](const yaml::Entry& entry) { return entry.key == "study"; }),
                       root.entries.end());
    for (const Override& override : overrides) {
        Value value = yaml::parse(override.value, "--set " + override.path);
        if (override.where.file != nullptr) place_at(value, override.where);
        yaml::set_at(root, override.path, std::move(value));
    }
    Config config;
    config.source = file;
    Findings findings;
    rename_parts(root, findings);
    findings.throw_if_any();
    ReadVisitor visitor(root, findings, config.origins);
    visit_config(visitor, config);
    visitor.finish();
    derive(config);
    check(config, findings);
    findings.throw_if_any();
    if (config.name.empty()) config.name = std::filesystem::path(file).stem().string();
    config.document = std::make_shared<const Value>(std::move(root));
    return config;
}

}  // namespace

IommuConfig iommu_config(const Config& config, const std::string& path, const std::string& preset) {
    IommuConfig result;
    result.preset = preset;
    result.params = soc::iommu_preset(preset).value_or(soc::IommuParams{});
    Findings known;  // what is wrong was said when the document was read
    std::map<std::string, yaml::Place> ignored;
    const auto read = [&](const Value* written, const std::string& at, ClockPeriod clock) {
        if (written != nullptr) {
            ReadVisitor visitor(*written, known, ignored);
            visit_iommu(visitor, result);
            visitor.finish();
        }
        derive_iommu(config, at, result, clock);
    };
    const Value* soc = config.document == nullptr ? nullptr : config.document->find("soc");
    const Value* single = soc == nullptr ? nullptr : soc->find("iommus");
    read(soc == nullptr ? nullptr : soc->find("iommu"), "soc.iommu", config.soc.system_clock);
    read(single == nullptr ? nullptr : single->find(path), yaml::join_path("soc.iommus", path), result.params.clock);
    return result;
}

Parsed<WarmUp> warmup_of(const TrafficConfig& traffic) {
    WarmUp warmup;
    if (traffic.warmup.empty()) return warmup;
    if (const Parsed<std::uint64_t> transfers = parse_integer(traffic.warmup)) {
        // A transfer that is mapped as a buffer is several transactions.
        const std::uint64_t size = traffic.params.size_bytes;
        const bool buffers = traffic.mapping == TrafficConfig::Mapping::per_transfer && traffic.buffer_bytes > size;
        warmup.transactions = transfers.value() * (buffers ? (traffic.buffer_bytes + size - 1) / size : 1);
        if (traffic.transaction_bytes != 0) warmup.transactions *= size / traffic.transaction_bytes;
        return warmup;
    }
    const Parsed<SimTime> time = parse_time(traffic.warmup);
    if (!time) return Parsed<WarmUp>::failure("a time or a number");
    warmup.time = time.value();
    return warmup;
}

SourcePosition Config::where(const std::string& path) const {
    std::string at = path;
    while (!at.empty()) {
        const auto found = origins.find(at);
        if (found != origins.end()) return found->second.position();
        const std::size_t cut = at.find_last_of(".[");
        at.resize(cut == std::string::npos ? 0 : cut);
    }
    return {source, {}, {}, {}};
}

Override parse_override(const std::string& text) {
    std::size_t equals = std::string::npos;
    for (std::size_t at = 0; at < text.size() && equals == std::string::npos; ++at) {
        if (text.compare(at, 2, "[\"") == 0) {
            at = std::min(text.find("\"]", at), text.size());  // a '=' inside a quoted key is none
        } else if (text[at] == '=') {
            equals = at;
        }
    }
    if (equals == std::string::npos || equals == 0) {
        throw InputError(Diagnostic{{"--set", {}, {}, {}}, "", fmt::format("found '{}'", text), "PATH=VALUE", ""});
    }
    return {text.substr(0, equals), text.substr(equals + 1)};
}

Config parse_config(const std::string& text, const std::string& file, const std::vector<Override>& overrides) {
    yaml::Bases bases;
    Value root = yaml::parse_extended(text, file, yaml::kConfigBudget, bases);
    Config config = read_config(std::move(root), file, overrides);
    config.bases = std::move(bases);
    return config;
}

Config parse_config(const Value& root, const std::string& file, const std::vector<Override>& overrides) {
    return read_config(root, file, overrides);
}

Config load_config(const std::string& given, const std::vector<Override>& overrides) {
    const std::string file = given == "-" ? kStandardInput : given;
    const std::optional<std::string> pipe = name_of_pipe(file);
    std::string text = yaml::read_text(file);
    if (!is_device_tree(text, file)) {
        Config config = parse_config(text, pipe.value_or(given == "-" ? "stdin" : file), overrides);
        config.text = std::make_shared<const std::string>(std::move(text));
        return config;
    }
    if (pipe)
        throw InputError(
            Diagnostic{{*pipe, {}, {}, {}}, "", "a device tree cannot be read from a pipe", "its file, or YAML", ""});
    Value root;
    Value path;
    path.kind = Kind::scalar;
    path.quoted = true;
    path.text = std::filesystem::absolute(file).string();
    path.place.file = std::make_shared<const std::string>(file);
    root.place = path.place;
    yaml::set_at(root, "firmware.devicetree", std::move(path));
    return read_config(std::move(root), file, overrides);
}

std::string find_input(const Config& config, const std::string& name, const std::string& path) {
    namespace fs = std::filesystem;
    std::vector<fs::path> tried;
    const fs::path wanted(name);
    if (wanted.is_absolute()) {
        tried.push_back(wanted);
    } else {
        tried.push_back(fs::path(config.source).parent_path() / wanted);
        std::string boards = std::getenv("XLATE_BOARDS") != nullptr ? std::getenv("XLATE_BOARDS") : "";
        boards += boards.empty() ? "" : ":";
#ifdef XLATE_BOARDS_DIR
        boards += XLATE_BOARDS_DIR;
#endif
        for (std::size_t at = 0; at < boards.size();) {
            const std::size_t end = std::min(boards.find(':', at), boards.size());
            if (end != at) tried.push_back(fs::path(boards.substr(at, end - at)) / wanted);
            at = end + 1;
        }
    }
    std::string all;
    for (const fs::path& candidate : tried) {
        std::error_code ignored;
        if (fs::is_regular_file(candidate, ignored)) return candidate.string();
        all += (all.empty() ? "" : ", ") + candidate.string();
    }
    throw InputError(
        Diagnostic{config.where(path), path, fmt::format("there is no file '{}' (looked for {})", name, all), "", ""});
}

}  // namespace xlate::study
