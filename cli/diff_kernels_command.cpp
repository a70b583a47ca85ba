// `xlate diff-kernels`: the same firmware, booted by two variants of the kernel model or by all.
#include "cli/commands.hpp"
#include "cli/print.hpp"
#include "study/diff_kernels/diff_kernels.hpp"

namespace xlate::cli {
namespace {

InputError wrong(std::string what, std::string expected) {
    return InputError(Diagnostic{{"diff-kernels", {}, {}, {}}, "", std::move(what), std::move(expected), ""});
}

std::string dump(const nlohmann::ordered_json& json) {
    return json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

ExitStatus diff_kernels_command(const DiffKernelsArguments& arguments) {
    const std::size_t wanted = arguments.matrix ? 1 : 3;
    if (arguments.what.size() != wanted) {
        throw wrong(arguments.matrix ? "--matrix takes a board and no variants" : "two variants and a board are needed",
                    "A B BOARD, or --matrix BOARD");
    }
    std::vector<std::string> notes;
    std::vector<kernel::Variant> variants;
    for (std::size_t i = 0; i + 1 < wanted; ++i) variants.push_back(study::variant_for_diff(arguments.what[i], notes));
    std::vector<study::Override> sets;
    for (const std::string& set : arguments.sets) sets.push_back(study::parse_override(set));
    study::Config config = study::load_config(arguments.what.back(), sets);
    const study::BootBoard board = study::board_for_boots(config);
    if (arguments.matrix) {
        const study::KernelMatrix matrix = study::matrix_of_kernels(board);
        print(arguments.json ? dump(study::kernel_matrix_json(matrix)) : study::kernel_matrix_text(matrix));
        return ExitStatus::ok;
    }
    study::KernelDiff diff = study::diff_kernels(board, variants[0], variants[1]);
    diff.notes.insert(diff.notes.begin(), notes.begin(), notes.end());
    print(arguments.json ? dump(study::diff_kernels_json(diff)) : study::diff_kernels_text(diff));
    return diff.differences.empty() ? ExitStatus::ok : ExitStatus::failed;
}

}  // namespace xlate::cli
