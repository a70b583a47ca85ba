#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "study/run/run.hpp"
#include "study/sweep/run_points.hpp"

int main(int argc, char* argv[]) {
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
    const auto stop = [](int signal_number) {
        xlate::study::interrupt_run();
        xlate::study::interrupt_sweep();
        std::signal(signal_number, SIG_DFL);  // a second one ends the program at once
    };
    std::signal(SIGINT, stop);
    std::signal(SIGTERM, stop);
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    return static_cast<int>(xlate::cli::run_app(arguments));
}
