#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/print.hpp"
#include "firmware/description.hpp"
#include "study/init/init_device.hpp"
#include "study/init/init_kernel.hpp"
#include "study/init/init_qemu.hpp"
#include "study/init/qemu_command.hpp"
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
    std::string text(kMaxCommandBytes + 1, '\0');  // devices and pipes have no size
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(stream.gcount()));
    if (!stream.is_open() || stream.bad() || text.size() > kMaxCommandBytes) {
        throw InputError(
            Diagnostic{{path, {}, {}, {}},
                       "",
                       text.size() > kMaxCommandBytes ? "is longer than a command line of 1 MiB" : "cannot be read",
                       "a file with a QEMU command line",
                       ""});
    }
    return text;
}

/// A config that was edited is not to be had again from its firmware.
void write_config(const InitArguments& arguments, const std::string& config) {
    std::error_code ignored;
    if (!arguments.force && std::filesystem::is_regular_file(arguments.out, ignored)) {
        std::string there;
        study::read_pieces(arguments.out, [&there](std::string_view piece) { there += piece; });
        if (there == config) return;
        if (!there.empty()) {
            throw InputError(Diagnostic{{arguments.out, {}, {}, {}},
                                        "",
                                        "is there already and holds something else: nothing is written",
                                        "another name, or --force",
                                        ""});
        }
    }
    study::write_file(arguments.out, config);
}

void put_config(const InitArguments& arguments, const std::string& config) {
    if (arguments.out.empty()) {
        print(config);
    } else {
        write_config(arguments, config);
    }
}

/// A kernel that is no variant's own: which one stands for it.
void say_kernel(const std::string& command, const std::string& file) {
    const std::string kernel = study::parse_qemu_command(command, file).kernel;
    const study::ChosenVariant chosen = study::variant_of_kernel(kernel);
    if (chosen.note.empty() || !study::kernel_release_of(kernel)) return;
    std::fprintf(stderr, "%s: %s: %s\n", printable(kernel).c_str(), printable(chosen.note).c_str(),
                 chosen.variant.c_str());
}

ExitStatus init_device(const InitArguments& arguments, bool asks) {
    study::QuestionText question = arguments.question;
    if (asks) {
        study::ask_question(question, [](const std::string& what, const std::string& usual) {
            std::fprintf(stderr, "%s [%s] ", what.c_str(), usual.c_str());
            std::string answer;
            std::getline(std::cin, answer);
            return answer;
        });
    }
    put_config(arguments, study::device_config(study::parse_question(question), arguments.out));
    return ExitStatus::ok;
}

}  // namespace

ExitStatus init_command(const InitArguments& arguments) {
    const bool asks = arguments.ask || (arguments.firmware.empty() && arguments.question.empty() &&
                                        ::isatty(STDIN_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0);
    const bool device = asks || !arguments.question.empty();
    if (arguments.firmware.empty() && !device && !arguments.qemu_command.empty()) {
        throw InputError(Diagnostic{{"--qemu-command", {}, {}, {}},
                                    "",
                                    "a command line says which devices a machine has, not how its IOMMUs map them",
                                    "--firmware beside it: the tree that '-machine ...,dumpdtb=board.dtb' writes, or "
                                    "the tables of the guest's /sys/firmware/acpi/tables",
                                    ""});
    }
    if (device == !arguments.firmware.empty()) {
        throw InputError(Diagnostic{{"xlate", {}, {}, {}},
                                    "",
                                    device ? "init: a board is given, and a device to make one for"
                                           : "init: neither a board nor a device is given",
                                    "--firmware BOARD.dtb or TABLE..., or --device KIND, or --ask",
                                    ""});
    }
    if (device && !arguments.qemu_command.empty())
        throw InputError(Diagnostic{{"--qemu-command", {}, {}, {}}, "", "is of a board", "--firmware beside it", ""});
    if (device) return init_device(arguments, asks);
    const firmware::Description description = study::read_firmware(arguments.firmware).description;
    std::vector<std::string> paths;
    for (const std::string& path : arguments.firmware) paths.push_back(relative_to(path, arguments.out));
    std::optional<std::string> command;
    if (!arguments.qemu_command.empty()) command = read_command(arguments.qemu_command);
    const std::string config = study::init_config(description, paths, command, arguments.qemu_command);
    put_config(arguments, config);
    if (command) say_kernel(*command, arguments.qemu_command);
    return ExitStatus::ok;
}

}  // namespace xlate::cli
