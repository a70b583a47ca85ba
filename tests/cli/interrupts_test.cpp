// Signals in a process of their own: what the first does, and who ends the program.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

#include <catch2/catch.hpp>

#include "cli/interrupts.hpp"

using namespace xlate::cli;

namespace {

volatile std::sig_atomic_t stops = 0;

/// A process that is sent `signals` one after the other, with `pause_us` before the last: what wait() says of it. Its
/// status is how often it was told to stop.
int told(std::initializer_list<int> signals, unsigned pause_us) {
    const pid_t child = ::fork();
    if (child == 0) {
        std::signal(SIGHUP, SIG_DFL);
        on_interrupt([] { stops = stops + 1; });
        for (const int* signal = signals.begin(); signal != signals.end(); ++signal) {
            if (signal + 1 == signals.end()) ::usleep(pause_us);
            ::raise(*signal);
        }
        ::_exit(stops);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
}

}  // namespace

TEST_CASE("interrupts: a wish told twice is one, and a second wish ends the program", "[cli][interrupts]") {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        INFO(signal);
        const int once = told({signal}, 0);
        CHECK((WIFEXITED(once) && WEXITSTATUS(once) == 1));
        const int twice = told({signal, SIGHUP, signal}, 0);
        CHECK((WIFEXITED(twice) && WEXITSTATUS(twice) == 1));
        const int insisted = told({signal, signal}, 600'000);
        CHECK((WIFSIGNALED(insisted) && WTERMSIG(insisted) == signal));
    }
}

TEST_CASE("interrupts: below nohup a closed terminal is no interrupt", "[cli][interrupts]") {
    const pid_t child = ::fork();
    if (child == 0) {
        std::signal(SIGHUP, SIG_IGN);
        on_interrupt([] { stops = stops + 1; });
        ::raise(SIGHUP);
        ::_exit(stops);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}
