// `xlate calibrate`: costs of kernel steps from a recorded boot.
#include "cli/commands.hpp"
#include "cli/print.hpp"
#include "study/calibrate/calibrate.hpp"
#include "study/results/files.hpp"

namespace xlate::cli {

ExitStatus calibrate_command(const CalibrateArguments& arguments) {
    const nlohmann::ordered_json calibration = study::calibrate(arguments.trace);
    const std::string text =
        arguments.json ? calibration.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"
                       : study::calibration_yaml(calibration);
    if (arguments.out.empty()) {
        print(text);
    } else {
        study::write_file(arguments.out, text);
    }
    return ExitStatus::ok;
}

}  // namespace xlate::cli
