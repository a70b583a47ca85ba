#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "firmware/description.hpp"
#include "study/init/init_qemu.hpp"
#include "study/results/files.hpp"
#include "study/run/firmware_input.hpp"

namespace xlate::cli {
namespace {

constexpr std::size_t kMaxCommandBytes = std::size_t{1} << 20;

/// `path` as a file in the directory of `config` names it.
std::string relative_to(const std::string& path, const std::string& config) {
    namespace fs = std::filesystem;
    const fs::path directory = fs::absolute(config.empty() ? "x" : config).lexically_normal().parent_path();
    return fs::absolute(path).lexically_normal().lexically_proximate(directory).string();
}

std::string read_command(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    if (!stream.is_open() || text.size() > kMaxCommandBytes) {
        throw InputError(Diagnostic{{path, {}, {}, {}}, "", "cannot be read", "a file with a QEMU command line", ""});
    }
    return text;
}

}  // namespace

ExitStatus init_command(const InitArguments& arguments) {
    if (arguments.firmware.empty()) {
        throw InputError(
            Diagnostic{{"xlate", {}, {}, {}}, "", "init: --firmware BOARD.dtb or TABLE... is missing", "", ""});
    }
    const firmware::Description description = study::read_firmware(arguments.firmware).description;
    std::vector<std::string> paths;
    for (const std::string& path : arguments.firmware) paths.push_back(relative_to(path, arguments.out));
    std::optional<std::string> command;
    if (!arguments.qemu_command.empty()) command = read_command(arguments.qemu_command);
    const std::string config = study::init_config(description, paths, command, arguments.qemu_command);
    if (arguments.out.empty()) {
        std::fwrite(config.data(), 1, config.size(), stdout);
    } else {
        study::write_file(arguments.out, config);
    }
    return ExitStatus::ok;
}

}  // namespace xlate::cli
