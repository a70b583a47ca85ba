#include "cli/command_tree.hpp"

#include <CLI/CLI.hpp>

namespace xlate::cli {
namespace {

/// CLI11 shows them as "{local,slurm}".
std::vector<std::string> choices_in(const std::string& type) {
    std::vector<std::string> all;
    const std::size_t open = type.find('{');
    const std::size_t close = type.find('}', open == std::string::npos ? 0 : open);
    if (open == std::string::npos || close == std::string::npos) return all;
    std::size_t at = open + 1;
    while (at < close) {
        const std::size_t end = std::min(type.find(',', at), close);
        all.push_back(type.substr(at, end - at));
        at = end + 1;
    }
    return all;
}

OptionFacts option_facts(const CLI::Option& option) {
    OptionFacts facts;
    facts.positional = !option.nonpositional();
    if (facts.positional) {
        facts.names.push_back(option.get_name(true));
    } else {
        for (const std::string& name : option.get_lnames()) facts.names.push_back("--" + name);
        for (const std::string& name : option.get_snames()) facts.names.push_back("-" + name);
    }
    facts.required = option.get_required();
    facts.takes_value = option.get_items_expected_max() > 0;
    facts.choices = choices_in(option.get_type_name());
    facts.sentence = option.get_description();
    return facts;
}

CommandFacts facts_of(const CLI::App& app, const std::string& path) {
    CommandFacts facts;
    facts.path = path;
    facts.sentence = app.get_description();
    const std::string footer = app.get_footer();
    if (const std::size_t line = footer.find('\n'); line != std::string::npos) facts.example = footer.substr(line + 1);
    for (const CLI::Option* option : app.get_options()) facts.options.push_back(option_facts(*option));
    for (const CLI::App* below : app.get_subcommands([](const CLI::App*) { return true; }))
        facts.below.push_back(facts_of(*below, path.empty() ? below->get_name() : path + " " + below->get_name()));
    return facts;
}

void gather(const CommandFacts& command, std::vector<const CommandFacts*>& all) {
    all.push_back(&command);
    for (const CommandFacts& below : command.below) gather(below, all);
}

}  // namespace

CommandFacts command_facts(const CLI::App& app) { return facts_of(app, ""); }

std::vector<const CommandFacts*> all_commands(const CommandFacts& top) {
    std::vector<const CommandFacts*> all;
    gather(top, all);
    return all;
}

}  // namespace xlate::cli
