#include "study/config/command_line.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

#include <fmt/format.h>

#include "study/config/kernel_parameters.hpp"

namespace xlate::study {
namespace {

/// Of `pci=`: the options with an effect; the others are told.
std::string pci_options(const std::string& value, kernel::Arch arch, std::vector<std::string>& idle) {
    std::vector<std::string> kept;
    for (std::size_t at = 0; at <= value.size();) {
        const std::size_t end = std::min(value.find(',', at), value.size());
        const std::string option = value.substr(at, end - at);
        kernel::KernelParameters scratch;
        if (!read_kernel_parameter("pci", option, scratch, arch)) {
            kept.push_back(option);
        } else if (!option.empty()) {
            idle.push_back(fmt::format("kernel parameter 'pci={}' is not modelled", option));
        }
        at = end + 1;
    }
    return fmt::format("{}", fmt::join(kept, ","));
}

std::string as_written(const CommandLineWords::value_type& word) {
    return word.second.empty() ? word.first : word.first + "=" + word.second;
}

/// Of a parameter of x86's options: Linux reads each word of this name. What has an effect; the rest is told, last
/// first.
std::string all_x86_options(const CommandLineWords& words, const std::string& name, std::vector<std::string>& idle) {
    std::string applied;
    std::vector<std::string> told;
    for (const auto& word : words) {
        if (!same_parameter(word.first, name)) continue;
        const X86Options options = x86_options(name, word.second);
        for (const std::string& one : options.idle)
            told.push_back(fmt::format("kernel parameter '{}': {}", as_written(word), one));
        if (!options.applied.empty()) applied += (applied.empty() ? "" : ",") + options.applied;
    }
    idle.insert(idle.end(), told.rbegin(), told.rend());
    return applied;
}

}  // namespace

bool same_parameter(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return (x == '_' ? '-' : x) == (y == '_' ? '-' : y); });
}

CommandLineWords split_command_line(const std::string& text) {
    CommandLineWords words;
    std::string word;
    bool quoted = false;
    bool ended = false;
    const auto flush = [&] {
        if (word.empty() || ended) return;
        ended = word == "--";
        const std::size_t equals = word.find('=');
        if (!ended)
            words.emplace_back(word.substr(0, equals), equals == std::string::npos ? "" : word.substr(equals + 1));
        word.clear();
    };
    for (const char c : text) {
        if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && std::isspace(static_cast<unsigned char>(c)) != 0) {
            flush();
        } else {
            word += c;
        }
    }
    flush();
    return words;
}

KernelCommandLine read_command_line(const CommandLineWords& words, kernel::Arch arch) {
    KernelCommandLine line;
    std::vector<std::string> done;
    const std::vector<std::string>& names = kernel_parameter_names(arch);
    for (auto at = words.rbegin(); at != words.rend(); ++at) {  // the last one counts
        const auto known = std::find_if(names.begin(), names.end(),
                                        [&](const std::string& one) { return same_parameter(one, at->first); });
        const std::string& name = known == names.end() ? at->first : *known;
        if (std::find(done.begin(), done.end(), name) != done.end()) continue;
        done.push_back(name);
        const std::string written = as_written(*at);
        if (known == names.end()) {
            if (const std::optional<std::string> what = idle_kernel_parameter(name, arch)) {
                line.idle.push_back(fmt::format("kernel parameter '{}' {}", written, *what));
            } else {
                line.other.push_back(at->first);
            }
            continue;
        }
        std::string value = at->second.empty() ? "1" : at->second;
        if (name == "pci") value = pci_options(value, arch, line.idle);
        if (has_x86_options(name, arch)) value = all_x86_options(words, name, line.idle);
        if (value.empty()) continue;
        kernel::KernelParameters scratch;
        if (const auto wrong = read_kernel_parameter(name, value, scratch, arch)) {
            line.idle.push_back(fmt::format("kernel parameter '{}' is left out: {}", written, wrong->what));
            continue;
        }
        line.parameters.emplace_back(name, value);
    }
    std::reverse(line.parameters.begin(), line.parameters.end());
    std::reverse(line.idle.begin(), line.idle.end());
    std::reverse(line.other.begin(), line.other.end());
    return line;
}

}  // namespace xlate::study
