#include "study/init/qemu/qemu_command.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "study/init/qemu/shell_words.hpp"

namespace xlate::study {
namespace {

constexpr std::uint64_t kFunctionsOfABus = 256;
constexpr std::uint64_t kMostCpus = 1024;

[[noreturn]] void fail(const std::string& file, unsigned line, std::string what, std::string expected = {}) {
    throw InputError(Diagnostic{{file, line, {}, {}}, {}, std::move(what), std::move(expected), {}});
}

QemuOption parse_json_option(const ShellWord& word, const std::string& file) {
    QemuOption option{"", {}, word.text, word.line};
    const nlohmann::json json = nlohmann::json::parse(word.text, nullptr, false);
    if (!json.is_object()) fail(file, word.line, "this is no JSON object: " + word.text);
    const auto driver = json.find("driver");
    const bool loader = driver != json.end() && *driver == "loader";  // whose address is one of memory
    for (const auto& [key, value] : json.items()) {
        std::string text = value.is_string() ? value.get<std::string>() : value.dump();
        if (value.is_boolean()) text = value.get<bool>() ? "on" : "off";
        // A number is slot and function in one.
        if (key == "addr" && !loader && value.is_number_unsigned() && value.get<std::uint64_t>() < kFunctionsOfABus) {
            const auto number = value.get<unsigned>();
            text = fmt::format("{:x}.{:x}", number >> 3, number & 7);
        }
        if (key == "driver") {
            option.head = text;
        } else {
            option.values.emplace_back(key, text);
        }
    }
    return option;
}

bool is_json(const std::string& text) { return !text.empty() && text[0] == '{'; }

QemuOption parse_option(const ShellWord& word, const std::string& file) {
    if (is_json(word.text)) return parse_json_option(word, file);
    QemuOption option{"", {}, word.text, word.line};
    std::vector<std::string> parts{""};
    for (std::size_t i = 0; i < word.text.size(); ++i) {
        if (word.text[i] != ',') {
            parts.back() += word.text[i];
        } else if (i + 1 < word.text.size() && word.text[i + 1] == ',') {
            parts.back() += word.text[i++];
        } else {
            parts.emplace_back();
        }
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::size_t equals = parts[i].find('=');
        if (equals != std::string::npos) {
            option.values.emplace_back(parts[i].substr(0, equals), parts[i].substr(equals + 1));
        } else if (i == 0) {
            option.head = parts[i];
        } else if (!parts[i].empty()) {
            option.values.emplace_back(parts[i], "on");
        }
    }
    if (option.head.empty()) option.head = option.value("driver").value_or("");
    return option;
}

/// Options without a value.
constexpr std::string_view kFlags[] = {"nodefaults",
                                       "no-user-config",
                                       "nographic",
                                       "no-reboot",
                                       "no-shutdown",
                                       "enable-kvm",
                                       "S",
                                       "s",
                                       "snapshot",
                                       "daemonize",
                                       "no-acpi",
                                       "no-hpet",
                                       "full-screen",
                                       "mem-prealloc",
                                       "no-fd-bootchk",
                                       "singlestep",
                                       "h",
                                       "help",
                                       "version",
                                       "preconfig",
                                       "only-migratable",
                                       "win2k-hack",
                                       "semihosting",
                                       "curses",
                                       "sdl",
                                       "portrait",
                                       "no-frame",
                                       "alt-grab",
                                       "ctrl-grab",
                                       "no-quit",
                                       "show-cursor",
                                       "old-param",
                                       "enable-fips",
                                       "xen-attach",
                                       "enable-hax",
                                       "one-insn-per-tb",
                                       "nodefconfig"};
/// Options whose value may begin with '-'.
constexpr std::string_view kTakesValue[] = {
    "device", "drive",  "hda",    "hdb", "hdc", "hdd",    "cdrom",  "nic",      "net",   "netdev",  "machine",  "M",
    "smp",    "kernel", "append", "vga", "m",   "global", "virtfs", "watchdog", "audio", "soundhw", "usbdevice"};

template <std::size_t kCount>
bool is_one_of(std::string_view name, const std::string_view (&list)[kCount]) {
    return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

bool begins_with(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }
bool ends_with(std::string_view text, std::string_view with) {
    return text.size() >= with.size() && text.substr(text.size() - with.size()) == with;
}

bool is_program(const std::string& word) {
    if (word.find('=') != std::string::npos) return false;  // an assignment: HOME=/var/lib/libvirt/qemu/...
    const std::string_view name = std::string_view(word).substr(word.find_last_of('/') + 1);
    return name == "qemu" || name == "kvm" || begins_with(name, "qemu-kvm") || begins_with(name, "qemu-system-");
}

/// As QEMU merges an option that is given again: the last value of a key counts, the head stays if no new one comes.
void merge(QemuOption& into, QemuOption more) {
    if (!more.head.empty()) into.head = std::move(more.head);
    into.values.insert(into.values.end(), more.values.begin(), more.values.end());
    into.text += (into.text.empty() ? "" : ",") + more.text;
    if (into.line == 0) into.line = more.line;
}

class CommandReader {
public:
    CommandReader(QemuCommand& command, std::vector<ShellWord> words) : out_(command), words_(std::move(words)) {}

    void read() {
        while (at_ < words_.size() && !is_program(words_[at_].text)) ++at_;
        if (at_ == words_.size())
            fail(out_.file, 1, "no word names a qemu program",
                 "a command such as 'qemu-system-aarch64 -machine virt ...'");
        out_.program = words_[at_].text;
        for (++at_; at_ < words_.size(); ++at_) {
            const ShellWord& word = words_[at_];
            const ShellMeaning shell = shell_meaning(word.text);
            if (shell == ShellMeaning::ends) break;
            if (shell == ShellMeaning::redirects_to_next) ++at_;
            if (shell != ShellMeaning::none || word.text.empty()) continue;
            if (word.text[0] == '-') {
                option(word, word.text.substr(begins_with(word.text, "--") ? 2 : 1));
            } else if (word.text[0] == '$') {
                out_.unused.push_back(word.text);
            } else {
                drive(word, word.text);
            }
        }
        finish();
    }

private:
    void option(const ShellWord& word, const std::string& name) {
        if (name == "nodefaults") out_.nodefaults = true;
        if (name == "usb") merge(out_.machine, {"", {{"usb", "on"}}, "usb=on", word.line});
        if (name == "usb" || is_one_of(name, kFlags)) return;
        const bool known = is_one_of(name, kTakesValue);
        const bool last = at_ + 1 == words_.size();
        if (!known && (last || begins_with(words_[at_ + 1].text, "-") ||
                       shell_meaning(words_[at_ + 1].text) != ShellMeaning::none)) {
            out_.unused.push_back("-" + name);
            return;
        }
        if (last) fail(out_.file, word.line, fmt::format("{} has no value", word.text));
        const ShellWord& value = words_[++at_];
        if (!known) {
            out_.unused.push_back("-" + name + " " + value.text);
        } else if (!makes_devices(word, name, value)) {
            describes_machine(name, value);
        }
    }

    void drive(const ShellWord& word, const std::string& file, const std::string& named = {}) {
        out_.drives.push_back({"", {{"file", file}}, named.empty() ? file : named, word.line});
    }

    bool makes_devices(const ShellWord& word, const std::string& name, const ShellWord& value) {
        if (name == "device") {
            out_.devices.push_back(parse_option(value, out_.file));
        } else if (name == "drive") {
            out_.drives.push_back(parse_option(value, out_.file));
        } else if (name == "cdrom" || begins_with(name, "hd")) {
            drive(word, value.text, word.text + " " + value.text);
        } else if (name == "virtfs") {
            out_.devices.push_back({"virtio-9p-pci", {}, "-virtfs " + value.text, value.line});
        } else if (name == "watchdog") {
            out_.devices.push_back({value.text, {}, "-watchdog " + value.text, value.line});
        } else if (name == "nic" || name == "net" || name == "netdev") {
            network(name, value);
        } else if (name == "audio") {
            if (const auto model = parse_option(value, out_.file).value("model")) out_.sound_cards.push_back(*model);
        } else if (name == "soundhw") {
            for (std::size_t from = 0; from < value.text.size();) {
                const std::size_t end = std::min(value.text.find(',', from), value.text.size());
                if (end > from) out_.sound_cards.push_back(value.text.substr(from, end - from));
                from = end + 1;
            }
        } else {
            return false;
        }
        return true;
    }

    void network(const std::string& name, const ShellWord& value) {
        out_.network_given = true;
        QemuOption option = parse_option(value, out_.file);
        if (name != "nic" && (name != "net" || option.head != "nic")) return;
        if (name == "net") option.head.clear();
        out_.nics.push_back(std::move(option));
    }

    void describes_machine(const std::string& name, const ShellWord& value) {
        if (name == "machine" || name == "M") {
            QemuOption machine = parse_option(value, out_.file);
            if (machine.head.empty()) machine.head = machine.value("type").value_or("");
            merge(out_.machine, std::move(machine));
        } else if (name == "usbdevice") {
            merge(out_.machine, {"", {{"usb", "on"}}, "usb=on", value.line});
        } else if (name == "smp") {
            QemuOption smp = parse_option(value, out_.file);
            if (!smp.head.empty()) smp.values.emplace_back("cpus", std::exchange(smp.head, {}));
            merge(smp_, std::move(smp));
        } else if (name == "global") {
            global(value);
        } else if (name == "kernel") {
            out_.kernel = value.text;
        } else if (name == "append") {
            const CommandLineWords parameters = split_command_line(value.text);
            out_.append.insert(out_.append.end(), parameters.begin(), parameters.end());
        } else if (name == "vga") {
            out_.vga = value.text;
        } else if (name == "m") {
            out_.memory = value.text;
        }
    }

    /// "driver.property=value", or "driver=...,property=...,value=...".
    void global(const ShellWord& value) {
        const std::size_t equals = value.text.find('=');
        const std::size_t dot = value.text.find('.');
        QemuGlobal global{"", "", "", value.text};
        if (dot < equals && equals != std::string::npos) {
            global.driver = value.text.substr(0, dot);
            global.property = value.text.substr(dot + 1, equals - dot - 1);
            global.value = value.text.substr(equals + 1);
        } else {
            const QemuOption option = parse_option(value, out_.file);
            global.driver = option.value("driver").value_or("");
            global.property = option.value("property").value_or("");
            global.value = option.value("value").value_or("");
        }
        if (global.driver.empty() || global.property.empty())
            fail(out_.file, value.line, "-global " + value.text, "DRIVER.PROPERTY=VALUE");
        out_.globals.push_back(std::move(global));
    }

    unsigned count_of(const std::string& key) const {
        const std::string text = *smp_.value(key);
        const Parsed<std::uint64_t> count = parse_integer(text);
        if (!count || count.value() == 0 || count.value() > kMostCpus)
            fail(out_.file, smp_.line, "-smp " + smp_.text, fmt::format("{}: 1 to {}", key, kMostCpus));
        return static_cast<unsigned>(count.value());
    }

    unsigned cpus() const {
        for (const char* key : {"cpus", "maxcpus"}) {
            if (smp_.value(key)) return count_of(key);
        }
        std::uint64_t product = 1;
        for (const char* key : {"drawers", "books", "sockets", "dies", "clusters", "modules", "cores", "threads"}) {
            if (smp_.value(key)) product = std::min<std::uint64_t>(product * count_of(key), kMostCpus + 1);
        }
        if (product > kMostCpus)
            fail(out_.file, smp_.line, "-smp " + smp_.text, fmt::format("1 to {} CPUs", kMostCpus));
        return static_cast<unsigned>(product);
    }

    void finish() {
        if (smp_.line != 0) out_.cpus = cpus();
        for (QemuOption& device : out_.devices) device = out_.with_globals(std::move(device));
        std::stable_partition(out_.devices.begin(), out_.devices.end(),
                              [](const QemuOption& device) { return !is_json(device.text); });
    }

    QemuCommand& out_;
    std::vector<ShellWord> words_;
    std::size_t at_ = 0;
    QemuOption smp_;
};

}  // namespace

std::optional<std::string> QemuOption::value(const std::string& key) const {
    std::optional<std::string> found;
    for (const auto& [name, held] : values) {
        if (name == key) found = held;
    }
    return found;
}

bool QemuOption::is_on(const std::string& key, bool otherwise) const {
    const std::optional<std::string> found = value(key);
    if (!found) return otherwise;
    return *found == "on" || *found == "true" || *found == "yes" || *found == "1";
}

/// Of QEMU's classes those whose properties matter to a machine's IOMMUs; "-base" is that of a model's three forms.
bool QemuGlobal::covers(const std::string& device) const {
    if (driver == device) return true;
    if (driver == "pcie-root-port-base") return device == "pcie-root-port" || device == "ioh3420";
    std::string stem = device;
    for (const std::string_view form : {"-non-transitional", "-transitional", "-pci", "-device"}) {
        if (ends_with(stem, form)) stem.resize(stem.size() - form.size());
    }
    const bool is_virtio = begins_with(stem, "virtio-") || begins_with(stem, "vhost-");
    if (!is_virtio) return false;
    if (driver == "virtio-device" || driver == stem + "-device") return true;
    return !ends_with(device, "-device") && (driver == "virtio-pci" || driver == stem + "-pci-base");
}

QemuOption QemuCommand::with_globals(QemuOption option) const {
    std::vector<std::pair<std::string, std::string>> before;
    for (const QemuGlobal& global : globals) {
        if (global.covers(option.head)) before.emplace_back(global.property, global.value);
    }
    option.values.insert(option.values.begin(), before.begin(), before.end());
    return option;
}

QemuCommand parse_qemu_command(const std::string& text, const std::string& file) {
    QemuCommand command;
    command.file = file;
    std::vector<ShellWord> words = split_shell_words(text, file, command.comment);
    CommandReader(command, std::move(words)).read();
    return command;
}

}  // namespace xlate::study
