#include "study/run/firmware_input.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "firmware/acpi/describe.hpp"
#include "firmware/acpi/generate_tables.hpp"
#include "firmware/generate_board.hpp"
#include "firmware/overlay.hpp"

namespace xlate::study {
namespace {

InputError usage(const std::string& file, std::string what, std::string expected = {}) {
    return InputError(Diagnostic{{file, {}, {}, {}}, "", std::move(what), std::move(expected), ""});
}

/// What is there and is no file; nullptr: a file, or nothing.
const char* other_than_file(std::filesystem::file_type type) {
    using Type = std::filesystem::file_type;
    switch (type) {
        case Type::directory:
            return "a directory";
        case Type::character:
        case Type::block:
            return "a device of this machine";
        case Type::fifo:
            return "a pipe";
        case Type::socket:
            return "a socket";
        default:
            return nullptr;
    }
}

/// As find_input, for firmware; of what is beside the config and no file it says what it is.
std::string find_file(const Config& config, const std::string& name, const std::string& path) {
    try {
        return find_input(config, name, path);
    } catch (const InputError& error) {
        std::error_code none;
        const std::filesystem::path beside = std::filesystem::path(config.source).parent_path() / name;
        const char* const other = other_than_file(std::filesystem::status(beside, none).type());
        if (other == nullptr) throw;
        throw InputError(
            Diagnostic{config.where(path), path, fmt::format("'{}' is {}, not a file", printable(name), other), "", ""},
            error.status());
    }
}

}  // namespace

std::string generated_table(std::string_view name) { return fmt::format("generated_{}.dat", name); }

std::vector<std::string> find_firmware(const Config& config) {
    std::vector<std::string> files;
    if (!config.firmware.devicetree.empty()) {
        files.push_back(find_file(config, config.firmware.devicetree, "firmware.devicetree"));
        for (std::size_t i = 0; i < config.firmware.overlays.size(); ++i) {
            files.push_back(find_file(config, config.firmware.overlays[i], fmt::format("firmware.overlays[{}]", i)));
        }
        return files;
    }
    for (std::size_t i = 0; i < config.firmware.acpi.size(); ++i) {
        files.push_back(find_file(config, config.firmware.acpi[i], fmt::format("firmware.acpi[{}]", i)));
    }
    return files;
}

FirmwareInput read_firmware(const std::vector<std::string>& paths) {
    PlannedFiles files;
    for (const std::string& path : paths) files.emplace_back(path, firmware::read_firmware_file(path));
    return read_firmware(std::move(files));
}

FirmwareInput read_firmware(PlannedFiles files) {
    if (files.empty()) throw usage("xlate", "no firmware is named", "a device tree or ACPI tables");
    FirmwareInput input;
    input.files = std::move(files);
    std::size_t tables = 0;
    for (const auto& [path, bytes] : input.files) tables += firmware::acpi::looks_like_table(bytes) ? 1 : 0;
    if (tables == 0) {
        const std::string& board = input.files.front().first;
        std::vector<std::uint8_t> tree = input.files.front().second;
        if (input.files.size() > 1)
            tree = firmware::apply_overlays(input.files.front(), {input.files.begin() + 1, input.files.end()});
        input.description = firmware::read_device_tree(std::move(tree), board);
        if (firmware::is_overlay(input.description)) {
            throw InputError(
                Diagnostic{{board, {}, {}, {}},
                           "",
                           "this is an overlay, not a board: it changes another device tree",
                           fmt::format("its board first, as 'firmware: {{ devicetree: BOARD.dtb, overlays: [{}] }}' or "
                                       "'xlate inspect BOARD.dtb {}'",
                                       board, board),
                           ""},
                ExitStatus::bad_firmware);
        }
        return input;
    }
    for (const auto& [path, bytes] : input.files) {
        if (firmware::acpi::looks_like_table(bytes)) continue;
        throw usage(path, "is no ACPI table", "one device tree with its overlays, or ACPI tables alone");
    }
    input.description = firmware::acpi::read_acpi(input.files);
    return input;
}

FirmwareInput load_firmware(const Config& config, const PlannedFiles* planned) {
    if (config.firmware.generate.empty())
        return planned != nullptr ? read_firmware(*planned) : read_firmware(find_firmware(config));
    firmware::BoardSpec board = config.soc.board;
    if (config.soc.memory_base != 0) board.memory_base = config.soc.memory_base;
    board.memory_bytes = config.soc.memory_size;
    FirmwareInput input;
    try {
        if (config.firmware.generate == "acpi") {
            for (auto& [name, bytes] : firmware::acpi::generate_tables(board))
                input.files.emplace_back(generated_table(name), std::move(bytes));
        } else {
            input.files.emplace_back(kGeneratedTree, firmware::generate_board(board));
        }
    } catch (const InputError& error) {
        std::vector<Diagnostic> findings = error.findings();
        for (Diagnostic& finding : findings) {
            finding.path = finding.path == "memory" ? "soc.memory" : "soc.board." + finding.path;
            finding.where = config.where(finding.path);
        }
        throw InputError(std::move(findings), error.status());
    }
    if (config.firmware.generate == "acpi") {
        input.description = firmware::acpi::read_acpi(input.files);
        // A machine's memory map is no ACPI table's.
        input.description.memory = {{board.memory_base, board.memory_bytes}};
    } else {
        input.description = firmware::read_device_tree(input.files.front().second, kGeneratedTree);
    }
    return input;
}

}  // namespace xlate::study
