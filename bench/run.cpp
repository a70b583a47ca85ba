#include "bench/run.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>

namespace xlate::bench {

void Measured::add(const char* name, double value) {
    if (figure_count == figures.size()) throw std::logic_error("too many figures in a row");
    Figure& figure = figures[figure_count++];
    std::snprintf(figure.name, sizeof figure.name, "%s", name);
    figure.value = value;
}

namespace {

bool read_all(int fd, void* bytes, std::size_t size) {
    auto* at = static_cast<char*>(bytes);
    while (size > 0) {
        const ssize_t got = ::read(fd, at, size);
        if (got <= 0) return false;
        at += got;
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

[[noreturn]] void child(const Row& row, std::uint64_t count, int fd) {
    int status = 1;
    try {
        Measured measured = row.run(count);
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        measured.add("peak_mib", static_cast<double>(usage.ru_maxrss) / 1024);
        if (::write(fd, &measured, sizeof measured) == static_cast<ssize_t>(sizeof measured)) status = 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", row.name.c_str(), error.what());
    }
    std::fflush(nullptr);
    ::_exit(status);  // no destructors of the parent's, no second flush of its buffers
}

}  // namespace

Measured run_in_child(const Row& row, std::uint64_t count) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe: " + std::string(std::strerror(errno)));
    std::fflush(nullptr);
    const pid_t pid = ::fork();
    if (pid < 0) throw std::runtime_error("fork: " + std::string(std::strerror(errno)));
    if (pid == 0) {
        ::close(ends[0]);
        child(row, count, ends[1]);
    }
    ::close(ends[1]);
    Measured measured;
    const bool complete = read_all(ends[0], &measured, sizeof measured);
    ::close(ends[0]);
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (!complete || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        throw std::runtime_error(row.name + " failed (wait status " + std::to_string(status) + ")");
    return measured;
}

}  // namespace xlate::bench
