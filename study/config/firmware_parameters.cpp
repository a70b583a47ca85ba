#include "study/config/firmware_parameters.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "firmware/cpu_kinds.hpp"
#include "study/config/command_line.hpp"

namespace xlate::study {
namespace {

using Words = CommandLineWords;

/// How many CPUs start at most by `word`; nothing: it is about something else, or no number.
std::optional<std::uint32_t> most_cpus(const Words::value_type& word) {
    constexpr std::uint64_t kMost = 1024;
    if (same_parameter(word.first, "nosmp")) return 1;
    if (!same_parameter(word.first, "maxcpus") && !same_parameter(word.first, "nr_cpus")) return std::nullopt;
    const Parsed<std::uint64_t> number = parse_integer(word.second);
    if (!number) return std::nullopt;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(number.value(), 1, kMost));
}

Words without_most_cpus(Words words) {
    const auto end =
        std::remove_if(words.begin(), words.end(), [](const auto& word) { return most_cpus(word).has_value(); });
    words.erase(end, words.end());
    return words;
}

/// `bootargs` as text, up to its first NUL; empty if there is none (ACPI has none).
std::string boot_arguments(const firmware::Description& description) {
    const auto chosen = description.find_path("/chosen");
    const firmware::Property* const property = chosen ? description.node(*chosen).property("bootargs") : nullptr;
    if (property == nullptr) return {};
    const std::string text(property->bytes.begin(), property->bytes.end());
    return text.substr(0, text.find('\0'));
}

std::string written(const Words::value_type& word) {
    return printable(word.second.empty() ? word.first : word.first + "=" + word.second);
}

}  // namespace

FirmwareParameters take_firmware_parameters(Config& config, const firmware::Description& description) {
    FirmwareParameters taken;
    Words words = split_command_line(boot_arguments(description));
    if (!config.given("kernel.cpus")) {
        const std::uint32_t all = firmware::count_cpus(description);
        for (const auto& word : words) {
            const std::optional<std::uint32_t> most = most_cpus(word);
            if (!most || *most >= (config.kernel.cpus == 0 ? all : config.kernel.cpus)) continue;
            config.kernel.cpus = *most;
            taken.assumed.push_back(fmt::format("kernel.cpus is not given: {} of {}, as bootargs of /chosen say ({})",
                                                *most, all, written(word)));
        }
    }
    const KernelCommandLine line = read_command_line(without_most_cpus(std::move(words)), config.kernel.arch);
    for (const auto& [name, value] : line.parameters) {
        const auto own =
            std::find_if(config.kernel.parameters.begin(), config.kernel.parameters.end(),
                         [&, wanted = name](const auto& one) { return same_parameter(one.first, wanted); });
        if (own == config.kernel.parameters.end()) {
            config.kernel.parameters[name] = value;
            taken.assumed.push_back(fmt::format("kernel.parameters.{} is not given: {}, as bootargs of /chosen say",
                                                name, printable(value)));
        } else if (own->second != value) {
            taken.assumed.push_back(fmt::format("kernel.parameters.{} is {}, whatever bootargs of /chosen say ({})",
                                                name, printable(own->second), printable(value)));
        }
    }
    for (const std::string& one : line.idle) taken.warnings.push_back("bootargs of /chosen: " + printable(one));
    return taken;
}

std::vector<std::string> firmware_parameter_facts(const firmware::Description& description) {
    std::vector<std::string> facts;
    const Words words = split_command_line(boot_arguments(description));
    const KernelCommandLine line = read_command_line(without_most_cpus(words), kernel::Arch::arm64);
    for (const auto& word : words) {
        if (most_cpus(word))
            facts.push_back(fmt::format("{}: a run takes it where `kernel.cpus` is not given", written(word)));
    }
    for (const auto& word : line.parameters)
        facts.push_back(fmt::format("{}: a run takes it where `kernel.parameters` has no word on it", written(word)));
    for (const std::string& one : line.idle) facts.push_back(printable(one));
    return facts;
}

}  // namespace xlate::study
