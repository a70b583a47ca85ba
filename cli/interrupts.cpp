#include "cli/interrupts.hpp"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>

namespace xlate::cli {
namespace {

constexpr std::int64_t same_wish_ns = 500'000'000;

std::atomic<void (*)()> wanted{nullptr};
std::atomic<std::int64_t> first_ns{0};
static_assert(std::atomic<std::int64_t>::is_always_lock_free && std::atomic<void (*)()>::is_always_lock_free);

std::int64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void handle(int signal_number) {
    const std::int64_t now = now_ns();
    std::int64_t none = 0;
    if (first_ns.compare_exchange_strong(none, now)) {
        wanted.load()();
    } else if (now - none >= same_wish_ns) {
        std::signal(signal_number, SIG_DFL);
        ::raise(signal_number);  // comes when this handler returns
    }
}

}  // namespace

void on_interrupt(void (*stop)()) {
    wanted = stop;
    std::signal(SIGINT, handle);
    std::signal(SIGTERM, handle);
    if (std::signal(SIGHUP, SIG_IGN) != SIG_IGN) std::signal(SIGHUP, handle);
}

}  // namespace xlate::cli
