#include "cli/command.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "cli/app.hpp"
#include "cli/interrupts.hpp"
#include "study/run/run.hpp"
#include "study/sweep/run_points.hpp"

/// SystemC's library wants one; ours is never called, since main() drives the simulation. Here, so that whoever links
/// the command has it.
extern "C" int sc_main(int /*argc*/, char* /*argv*/[]);
extern "C" int sc_main(int, char*[]) { return 0; }

namespace xlate::cli {

namespace {

pid_t own_process = 0;

/// What is under way ends soon and keeps what it has; where nothing is (reading, planning, writing, the trials of
/// `why`, which are other processes), the program ends, and says so once.
void stop() {
    const bool run = study::interrupt_run();
    const bool sweep = study::interrupt_sweep();
    if (run || sweep) return;
    constexpr std::string_view kSaid = "xlate: interrupted; nothing is kept\n";
    if (::getpid() == own_process) {
        const ssize_t ignored = ::write(STDERR_FILENO, kSaid.data(), kSaid.size());
        static_cast<void>(ignored);
    }
    ::_exit(static_cast<int>(ExitStatus::interrupted));
}

/// There is no memory left for an exception's way up through fibers and SystemC: the limit is said here. Results are
/// renamed when they are whole, so nothing is left half-written.
[[noreturn]] void out_of_memory() {
    std::array<char, 96> reached{};
    std::array<char, 160> text{};
    study::describe_progress(reached.data(), reached.size());
    std::snprintf(text.data(), text.size(), "xlate: out of memory%s\n", reached.data());
    const ssize_t ignored = ::write(STDERR_FILENO, text.data(), std::strlen(text.data()));
    static_cast<void>(ignored);
    ::_exit(static_cast<int>(ExitStatus::limit));
}

}  // namespace

int cli_main(int argc, char* argv[]) {
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
    std::set_new_handler(out_of_memory);
    own_process = ::getpid();
    on_interrupt(stop);
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    return static_cast<int>(run_app(arguments));
}

}  // namespace xlate::cli
