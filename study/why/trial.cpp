#include "study/why/trial.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>

#include <fmt/format.h>

#include "base/error.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

InputError failure(const char* what) {
    return InputError(Diagnostic{{what, {}, {}, {}}, "", std::strerror(errno), "", ""}, ExitStatus::limit);
}

Json what_it_says(const std::function<Json()>& work) {
    try {
        return work();
    } catch (const InputError& error) {
        return {{"error", error.what()}};
    } catch (const std::exception& error) {
        return {{"error", fmt::format("a bug in xlate: {}", error.what())}};
    }
}

void put(int file, const std::string& text) {
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t wrote = ::write(file, text.data() + done, text.size() - done);
        if (wrote <= 0) ::_exit(static_cast<int>(ExitStatus::limit));
        done += static_cast<std::size_t>(wrote);
    }
}

std::string get(int file) {
    std::string text;
    ::lseek(file, 0, SEEK_SET);
    char piece[65536];
    for (ssize_t got = 0; (got = ::read(file, piece, sizeof piece)) > 0;)
        text.append(piece, static_cast<std::size_t>(got));
    return text;
}

/// A child and the file without a name that it writes to.
struct Child {
    std::size_t number;
    int file;
};

}  // namespace

std::vector<Json> in_processes(const std::vector<std::function<Json()>>& works, unsigned jobs) {
    std::vector<Json> said(works.size());
    std::map<pid_t, Child> running;
    std::size_t next = 0;
    const pid_t parent = ::getpid();
    while (next < works.size() || !running.empty()) {
        if (next < works.size() && running.size() < std::max(1U, jobs)) {
            const int file = ::memfd_create("xlate-trial", MFD_CLOEXEC);
            if (file < 0) throw failure("a trial's file");
            std::fflush(stdout);
            std::fflush(stderr);
            const pid_t process = ::fork();
            if (process < 0) throw failure("starting a trial");
            if (process == 0) {
                ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (::getppid() != parent) ::_exit(static_cast<int>(ExitStatus::interrupted));
                put(file, what_it_says(works[next]).dump(-1, ' ', false, Json::error_handler_t::replace));
                ::_exit(0);
            }
            running.emplace(process, Child{next++, file});
            continue;
        }
        int status = 0;
        const pid_t ended = ::waitpid(-1, &status, 0);
        if (ended < 0 && errno == EINTR) continue;
        if (ended < 0) throw failure("waiting for a trial");
        const auto child = running.find(ended);
        if (child == running.end()) continue;
        const std::string text = get(child->second.file);
        ::close(child->second.file);
        said[child->second.number] = Json::parse(text, nullptr, false);
        if (said[child->second.number].is_discarded())
            said[child->second.number] = {{"error", "it ended without a result"}};
        running.erase(child);
    }
    return said;
}

}  // namespace xlate::study
