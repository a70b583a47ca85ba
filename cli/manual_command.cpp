// `xlate manual`: pages for man.
#include <algorithm>

#include <fmt/format.h>

#include "cli/command_tree.hpp"
#include "cli/commands.hpp"
#include "cli/print.hpp"
#include "study/results/files.hpp"

namespace xlate::cli {

ExitStatus manual_command(const CommandFacts& top, const ManualArguments& arguments) {
    const std::vector<const CommandFacts*> all = all_commands(top);
    if (!arguments.out.empty()) {
        std::vector<study::OutputFile> pages;
        for (const CommandFacts* command : all) {
            std::string name = command->path.empty() ? "xlate" : "xlate-" + command->path;
            std::replace(name.begin(), name.end(), ' ', '-');
            pages.push_back({name + ".1", manual_page(*command)});
        }
        study::write_files(arguments.out, pages);
        print(fmt::format("{} pages in {}\n", pages.size(), printable(arguments.out)));
        return ExitStatus::ok;
    }
    std::string path;
    for (const std::string& word : arguments.command) path += (path.empty() ? "" : " ") + word;
    std::vector<std::string> names;
    for (const CommandFacts* command : all) {
        if (command->path == path) {
            print(manual_page(*command));
            return ExitStatus::ok;
        }
        names.push_back(command->path);
    }
    throw InputError(Diagnostic{{"xlate", {}, {}, {}},
                                "",
                                fmt::format("there is no command '{}'", printable(path)),
                                "one of `xlate --help`",
                                nearest_name(path, names).value_or("")});
}

}  // namespace xlate::cli
