#include "cli/print.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

namespace xlate::cli {
namespace {

int first_error = 0;

void note_error() {
    if (first_error == 0) first_error = errno != 0 ? errno : EIO;
}

}  // namespace

void print(const std::string& text) {
    errno = 0;
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) note_error();
}

ExitStatus finish_output(ExitStatus status) {
    errno = 0;
    std::cout.flush();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout) note_error();
    if (first_error == 0) return status;
    std::fprintf(stderr, "xlate: standard output cannot be written: %s\n", std::strerror(first_error));
    return status == ExitStatus::ok ? ExitStatus::limit : status;
}

}  // namespace xlate::cli
