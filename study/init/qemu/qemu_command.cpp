#include "study/init/qemu/qemu_command.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/quantity.hpp"

namespace xlate::study {
namespace {

struct Word {
    std::string text;
    unsigned line = 1;
};

[[noreturn]] void fail(const std::string& file, unsigned line, std::string what, std::string expected = {}) {
    throw InputError(Diagnostic{{file, line, {}, {}}, {}, std::move(what), std::move(expected), {}});
}

/// Splits a shell command into words. '#' at the start of a word begins a comment; the first one is kept.
class ShellWords {
public:
    ShellWords(const std::string& text, const std::string& file) : text_(text), file_(file) {}

    std::vector<Word> split(std::string& comment) {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '#' && !open_) {
                const std::size_t end = std::min(text_.find('\n', at_), text_.size());
                if (comment.empty()) comment = text_.substr(at_ + 1, end - at_ - 1);
                at_ = end;
            } else if (c == '\'' || c == '"') {
                quoted(c);
            } else if (c == '\\' && at_ + 1 < text_.size()) {
                if (text_[at_ + 1] == '\n') {
                    ++line_;
                } else {
                    put(text_[at_ + 1]);
                }
                at_ += 2;
            } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
                close();
                if (c == '\n') ++line_;
                ++at_;
            } else {
                put(c);
                ++at_;
            }
        }
        close();
        return std::move(words_);
    }

private:
    void put(char c) {
        begin();
        words_.back().text += c;
    }
    void begin() {
        if (!open_) words_.push_back({"", line_});
        open_ = true;
    }
    void close() { open_ = false; }
    void quoted(char quote) {
        begin();
        const unsigned from = line_;
        for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
            if (text_[at_] == '\n') ++line_;
            const bool escape = quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size() &&
                                std::string_view("\"\\$`").find(text_[at_ + 1]) != std::string_view::npos;
            if (escape) ++at_;
            words_.back().text += text_[at_];
        }
        if (at_ >= text_.size()) fail(file_, from, fmt::format("the quote {} is never closed", quote));
        ++at_;
    }

    const std::string& text_;
    const std::string& file_;
    std::vector<Word> words_;
    std::size_t at_ = 0;
    unsigned line_ = 1;
    bool open_ = false;
};

QemuOption parse_json_option(const Word& word, const std::string& file) {
    QemuOption option{"", {}, word.text, word.line};
    const nlohmann::json json = nlohmann::json::parse(word.text, nullptr, false);
    if (!json.is_object()) fail(file, word.line, "this is no JSON object: " + word.text);
    for (const auto& [key, value] : json.items()) {
        std::string text = value.is_string() ? value.get<std::string>() : value.dump();
        if (value.is_boolean()) text = value.get<bool>() ? "on" : "off";
        if (key == "driver") {
            option.head = text;
        } else {
            option.values.emplace_back(key, text);
        }
    }
    return option;
}

QemuOption parse_option(const Word& word, const std::string& file) {
    if (!word.text.empty() && word.text[0] == '{') return parse_json_option(word, file);
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

/// Options without a value; all others that are not known here take one.
constexpr std::array<std::string_view, 24> kFlags{"nodefaults",
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
                                                  "usb",
                                                  "h",
                                                  "help",
                                                  "version",
                                                  "preconfig",
                                                  "only-migratable",
                                                  "win2k-hack",
                                                  "semihosting"};

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

QemuCommand parse_qemu_command(const std::string& text, const std::string& file) {
    QemuCommand command;
    command.file = file;
    const std::vector<Word> words = ShellWords(text, file).split(command.comment);
    std::size_t i = 0;
    while (i < words.size() && words[i].text.find("qemu") == std::string::npos) ++i;
    if (i == words.size())
        fail(file, 1, "no word names a qemu program", "a command such as 'qemu-system-aarch64 -machine virt ...'");
    command.program = words[i].text;
    for (++i; i < words.size(); ++i) {
        const Word& word = words[i];
        if (word.text.empty() || word.text[0] != '-') continue;  // a disk image
        const std::string name = word.text.substr(word.text.compare(0, 2, "--") == 0 ? 2 : 1);
        if (name == "nodefaults") command.nodefaults = true;
        if (std::find(kFlags.begin(), kFlags.end(), name) != kFlags.end()) continue;
        if (++i == words.size()) fail(file, word.line, fmt::format("{} has no value", word.text));
        const Word& value = words[i];
        if (name == "device") {
            command.devices.push_back(parse_option(value, file));
        } else if (name == "drive") {
            command.drives.push_back(parse_option(value, file));
        } else if (name == "hda" || name == "hdb" || name == "hdc" || name == "hdd") {
            command.drives.push_back({"", {{"file", value.text}}, word.text + " " + value.text, word.line});
        } else if (name == "nic" || name == "net" || name == "netdev") {
            command.network_given = true;
            QemuOption option = parse_option(value, file);
            if (name == "nic" || (name == "net" && option.head == "nic")) {
                if (name == "net") option.head.clear();
                command.nics.push_back(std::move(option));
            }
        } else if (name == "machine" || name == "M") {
            command.machine = parse_option(value, file);
            if (command.machine.head.empty()) command.machine.head = command.machine.value("type").value_or("");
        } else if (name == "smp") {
            const QemuOption smp = parse_option(value, file);
            const Parsed<std::uint64_t> cpus = parse_integer(smp.value("cpus").value_or(smp.head));
            if (!cpus || cpus.value() == 0 || cpus.value() > 1024)
                fail(file, value.line, "-smp " + value.text, "1 to 1024 CPUs");
            command.cpus = static_cast<unsigned>(cpus.value());
        } else if (name == "kernel") {
            command.kernel = value.text;
        } else if (name == "append") {
            const CommandLineWords parameters = split_command_line(value.text);
            command.append.insert(command.append.end(), parameters.begin(), parameters.end());
        } else if (name == "vga") {
            command.vga = value.text;
        } else if (name == "m") {
            command.memory = value.text;
        } else {
            command.unused.push_back("-" + name + " " + value.text);
        }
    }
    return command;
}

}  // namespace xlate::study
