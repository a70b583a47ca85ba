// Runs something in a process of its own: SystemC elaborates once per process.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace xlate::tests {

/// What `work()` (which returns a string) gave; "failed: ..." if it threw or the process died.
template <typename Work>
std::string in_child(Work&& work) {
    int ends[2];
    if (pipe(ends) != 0) return "failed: no pipe";
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        std::string text;
        try {
            text = work();
        } catch (const std::exception& error) {
            text = std::string("failed: ") + error.what();
        }
        for (std::size_t done = 0; done < text.size();) {
            const ssize_t part = write(ends[1], text.data() + done, text.size() - done);
            if (part <= 0) break;
            done += static_cast<std::size_t>(part);
        }
        _exit(0);
    }
    close(ends[1]);
    std::string text;
    char buffer[4096];
    for (ssize_t part = 0; (part = read(ends[0], buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(part));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) return "failed: the process died: " + text;
    return text;
}

}  // namespace xlate::tests
