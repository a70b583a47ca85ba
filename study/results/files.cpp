#include "study/results/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "base/error.hpp"

namespace xlate::study {
namespace {

InputError failure(const std::string& path, const std::string& what, int error) {
    return InputError(Diagnostic{{path, {}, {}, {}}, "", fmt::format("{}: {}", what, std::strerror(error)), "", ""},
                      ExitStatus::limit);
}

/// Writes and flushes; removes what it wrote if that fails.
void write_whole(const std::string& path, const OutputFile& output) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) throw failure(path, "cannot be written", errno);
    int error = 0;
    const auto put = [&](std::string_view piece) {
        while (!piece.empty() && error == 0) {
            const ssize_t n = ::write(file, piece.data(), piece.size());
            if (n > 0) {
                piece.remove_prefix(static_cast<std::size_t>(n));
            } else if (errno != EINTR) {
                error = n == 0 ? ENOSPC : errno;
            }
        }
    };
    try {
        put(output.content);
        if (output.make) output.make(put);
    } catch (...) {
        ::close(file);
        ::unlink(path.c_str());
        throw;
    }
    if (error == 0 && ::fsync(file) != 0 && errno != EINVAL && errno != EROFS) error = errno;
    if (::close(file) != 0 && error == 0) error = errno;
    if (error != 0) {
        ::unlink(path.c_str());
        throw failure(path, "cannot be written whole", error);
    }
}

std::string temporary_name(const std::string& path) { return fmt::format("{}.tmp.{}", path, ::getpid()); }

}  // namespace

void write_files(const std::string& directory, const std::vector<OutputFile>& files) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) throw failure(directory, "the directory cannot be made", error.value());
    std::vector<std::string> written;
    try {
        for (const OutputFile& file : files) {
            const std::string temporary = temporary_name(directory + "/" + file.name);
            write_whole(temporary, file);
            written.push_back(temporary);
        }
    } catch (...) {
        for (const std::string& temporary : written) ::unlink(temporary.c_str());
        throw;
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
        const std::string path = directory + "/" + files[i].name;
        if (::rename(written[i].c_str(), path.c_str()) != 0) throw failure(path, "cannot be replaced", errno);
    }
}

void write_file(const std::string& path, const std::string& content) {
    const std::filesystem::path target(path);
    const std::string directory = target.parent_path().empty() ? "." : target.parent_path().string();
    write_files(directory, {{target.filename().string(), content}});
}

}  // namespace xlate::study
