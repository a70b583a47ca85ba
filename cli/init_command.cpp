#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/print.hpp"
#include "firmware/description.hpp"
#include "study/init/device/init_device.hpp"
#include "study/init/machine/machine_config.hpp"
#include "study/init/qemu/qemu_command.hpp"
#include "study/init/qemu/qemu_config.hpp"
#include "study/init/starter_config.hpp"
#include "study/init/starter_kernel.hpp"
#include "study/results/files.hpp"
#include "study/run/firmware_input.hpp"

namespace xlate::cli {
namespace {

constexpr std::size_t kMaxCommandBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxLogBytes = std::size_t{16} << 20;

/// `path` as a file in the directory of `config` names it.
std::string relative_to(const std::string& path, const std::string& config) {
    namespace fs = std::filesystem;
    const fs::path directory = fs::absolute(config.empty() ? "x" : config).lexically_normal().parent_path();
    return fs::absolute(path).lexically_normal().lexically_proximate(directory).string();
}

/// `what`: "a QEMU command line".
std::string read_whole(const std::string& path, std::size_t most, const std::string& what) {
    std::ifstream stream(path, std::ios::binary);
    std::string text;
    constexpr std::size_t kPiece = std::size_t{1} << 20;
    while (stream && text.size() <= most) {  // devices and pipes have no size
        const std::size_t had = text.size();
        text.resize(had + kPiece);
        stream.read(text.data() + had, static_cast<std::streamsize>(kPiece));
        text.resize(had + static_cast<std::size_t>(stream.gcount()));
    }
    if (!stream.is_open() || stream.bad() || text.size() > most) {
        throw InputError(Diagnostic{
            {path, {}, {}, {}},
            "",
            text.size() > most ? fmt::format("is longer than {} of {} MiB", what, most >> 20) : "cannot be read",
            "a file with " + what,
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
void say_kernel(const std::string& kernel) {
    const study::ChosenVariant chosen = study::variant_of_kernel(kernel);
    if (chosen.note.empty() || !study::kernel_release_of(kernel)) return;
    std::fprintf(stderr, "%s: %s\n", printable(kernel).c_str(), printable(chosen.note).c_str());
}

/// The option that tells of a machine; empty: none does.
std::string_view machine_option(const InitArguments& arguments) {
    if (!arguments.kernel_log.empty()) return "--kernel-log";
    if (!arguments.lspci.empty()) return "--lspci";
    return arguments.qemu_command.empty() ? "" : "--qemu-command";
}

void init_machine(const InitArguments& arguments, const firmware::Description& description,
                  const std::vector<std::string>& paths) {
    std::optional<study::KernelLog> log;
    if (!arguments.kernel_log.empty())
        log = study::read_kernel_log(read_whole(arguments.kernel_log, kMaxLogBytes, "a kernel's log"),
                                     arguments.kernel_log);
    std::optional<study::PciListing> listing;
    if (!arguments.lspci.empty())
        listing = study::read_lspci(read_whole(arguments.lspci, kMaxLogBytes, "a listing of lspci"), arguments.lspci);
    put_config(arguments, study::machine_config(description, paths, log, listing));
    if (log) say_kernel(log->release);
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
    const std::string_view machine = machine_option(arguments);
    if (arguments.firmware.empty() && !device && !machine.empty()) {
        const bool qemu = machine == "--qemu-command";
        throw InputError(
            Diagnostic{{std::string(machine), {}, {}, {}},
                       "",
                       qemu ? "a command line says which devices a machine has, not how its IOMMUs map them"
                            : "a listing says which devices a machine has, not how its IOMMUs map them",
                       qemu ? "--firmware beside it: the tree that '-machine ...,dumpdtb=board.dtb' writes, "
                              "or the tables of the guest's /sys/firmware/acpi/tables"
                            : "--firmware beside it: the board's /sys/firmware/fdt, or tables of its "
                              "/sys/firmware/acpi/tables",
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
    if (device && !machine.empty())
        throw InputError(
            Diagnostic{{std::string(machine), {}, {}, {}}, "", "is of a board", "--firmware beside it", ""});
    if (!arguments.qemu_command.empty() && machine != "--qemu-command") {
        throw InputError(Diagnostic{{std::string(machine), {}, {}, {}},
                                    "",
                                    "says of a machine what --qemu-command says, too",
                                    "one of them",
                                    ""});
    }
    if (device) return init_device(arguments, asks);
    const firmware::Description description = study::read_firmware(arguments.firmware).description;
    std::vector<std::string> paths;
    for (const std::string& path : arguments.firmware) paths.push_back(relative_to(path, arguments.out));
    if (!machine.empty() && machine != "--qemu-command") {
        init_machine(arguments, description, paths);
        return ExitStatus::ok;
    }
    if (arguments.qemu_command.empty()) {
        put_config(arguments, study::board_config(description, paths));
        return ExitStatus::ok;
    }
    const std::string command = read_whole(arguments.qemu_command, kMaxCommandBytes, "a QEMU command line");
    put_config(arguments, study::qemu_config(description, paths, command, arguments.qemu_command));
    say_kernel(study::parse_qemu_command(command, arguments.qemu_command).kernel);
    return ExitStatus::ok;
}

}  // namespace xlate::cli
