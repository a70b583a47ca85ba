#include "study/results/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"

namespace xlate::study {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;
constexpr int kReaderWaits = 50;  ///< tenths of a second

InputError failure(const std::string& path, const std::string& what, int error) {
    return InputError(Diagnostic{{path, {}, {}, {}}, "", fmt::format("{}: {}", what, std::strerror(error)), "", ""},
                      ExitStatus::limit);
}

/// What stands at a path, links followed.
struct Target {
    enum class Kind { missing, regular, other, descriptor } kind = Kind::missing;
    std::string path;
    int descriptor = -1;
    struct stat facts {};
};

/// A name of an open descriptor: what is written there comes after what was written already.
std::optional<int> descriptor_of(const std::string& path) {
    const std::string plain = fs::path(path).lexically_normal().string();
    if (plain == "/dev/stdout") return STDOUT_FILENO;
    if (plain == "/dev/stderr") return STDERR_FILENO;
    for (const std::string& start : {std::string("/dev/fd/"), std::string("/proc/self/fd/")}) {
        if (plain.rfind(start, 0) != 0) continue;
        const Parsed<std::uint64_t> number = parse_integer(std::string_view(plain).substr(start.size()));
        if (number && number.value() < 1U << 20) return static_cast<int>(number.value());
    }
    return std::nullopt;
}

Target target_of(std::string path) {
    Target target;
    for (int links = 0;; ++links) {
        if (links > kMaxLinks) throw failure(path, "cannot be written", ELOOP);
        if (const auto descriptor = descriptor_of(path)) {
            target.kind = Target::Kind::descriptor;
            target.descriptor = *descriptor;
            break;
        }
        if (::lstat(path.c_str(), &target.facts) != 0) {
            if (errno != ENOENT) throw failure(path, "cannot be written", errno);
            break;
        }
        if (S_ISLNK(target.facts.st_mode)) {
            std::error_code error;
            const fs::path to = fs::read_symlink(path, error);
            if (error) throw failure(path, "cannot be written", error.value());
            path = (to.is_absolute() ? to : fs::path(path).parent_path() / to).string();
            continue;
        }
        if (S_ISDIR(target.facts.st_mode)) throw failure(path, "cannot be written", EISDIR);
        target.kind = S_ISREG(target.facts.st_mode) ? Target::Kind::regular : Target::Kind::other;
        break;
    }
    target.path = std::move(path);
    return target;
}

/// A reader that goes away is an error of the write, not our end.
class WithoutPipeSignal {
public:
    WithoutPipeSignal() : before_(std::signal(SIGPIPE, SIG_IGN)) {}
    ~WithoutPipeSignal() { std::signal(SIGPIPE, before_); }
    WithoutPipeSignal(const WithoutPipeSignal&) = delete;
    WithoutPipeSignal& operator=(const WithoutPipeSignal&) = delete;

private:
    void (*before_)(int);
};

/// Pipes: a reader may be on its way, but is not waited for without an end.
int open_other(const std::string& path) {
    for (int tenth = 0;; ++tenth) {
        const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (file >= 0) {
            ::fcntl(file, F_SETFL, ::fcntl(file, F_GETFL) & ~O_NONBLOCK);
            return file;
        }
        if (errno != ENXIO || tenth == kReaderWaits) {
            if (errno == ENXIO) throw failure(path, "cannot be written: a pipe that no process reads", errno);
            throw failure(path, "cannot be written", errno);
        }
        const timespec wait{0, 100'000'000};
        ::nanosleep(&wait, nullptr);
    }
}

/// INT, TERM and HUP wait until all names are given: either all files of a set are new, or none.
class SignalsWait {
public:
    SignalsWait() {
        sigset_t blocked;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGINT);
        sigaddset(&blocked, SIGTERM);
        sigaddset(&blocked, SIGHUP);
        ::sigprocmask(SIG_BLOCK, &blocked, &before_);
    }
    ~SignalsWait() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
    SignalsWait(const SignalsWait&) = delete;
    SignalsWait& operator=(const SignalsWait&) = delete;

private:
    sigset_t before_{};
};

}  // namespace

std::string temporary_name(const std::string& name, int pid) { return fmt::format("{}.tmp.{}", name, pid); }

bool is_temporary(std::string_view candidate, std::string_view name) {
    constexpr std::string_view kMiddle = ".tmp.";
    if (candidate.size() <= name.size() + kMiddle.size() || candidate.substr(0, name.size()) != name) return false;
    if (candidate.substr(name.size(), kMiddle.size()) != kMiddle) return false;
    return candidate.find_first_not_of("0123456789", name.size() + kMiddle.size()) == std::string_view::npos;
}

OpenFile::OpenFile(int file, std::string path, std::string name) : file_(file), path_(std::move(path)) {
    written_.name = std::move(name);
}

OpenFile::~OpenFile() {
    if (file_ >= 0) ::close(file_);
}

void OpenFile::put(std::string_view piece) {
    digest_.add(piece);
    written_.bytes += piece.size();
    const WithoutPipeSignal guard;
    while (!piece.empty() && error_ == 0) {
        const ssize_t n = ::write(file_, piece.data(), piece.size());
        if (n > 0) {
            piece.remove_prefix(static_cast<std::size_t>(n));
        } else if (n == 0 || errno != EINTR) {
            error_ = n == 0 ? ENOSPC : errno;
        }
    }
}

WrittenFile OpenFile::finish() {
    // Pipes and some devices have nothing to flush.
    if (error_ == 0 && ::fsync(file_) != 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP) error_ = errno;
    if (::close(std::exchange(file_, -1)) != 0 && error_ == 0) error_ = errno;
    if (error_ != 0) throw failure(path_, "cannot be written whole", error_);
    written_.sha256 = digest_.text();
    return written_;
}

PendingFiles::~PendingFiles() {
    for (const Pending& one : pending_) ::unlink(one.temporary.c_str());
}

std::unique_ptr<OpenFile> PendingFiles::open(const std::string& path, const std::string& name) {
    const Target target = target_of(path);
    if (target.kind == Target::Kind::other) return std::make_unique<OpenFile>(open_other(target.path), path, name);
    if (target.kind == Target::Kind::descriptor) {
        std::fflush(stdout);
        const int file = ::dup(target.descriptor);
        if (file < 0) throw failure(path, "cannot be written", errno);
        return std::make_unique<OpenFile>(file, path, name);
    }
    const bool replaces = target.kind == Target::Kind::regular;
    // A rename would get past what the file's mode forbids.
    if (replaces && ::access(target.path.c_str(), W_OK) != 0) throw failure(path, "cannot be written", errno);
    Pending one{temporary_name(target.path, ::getpid()), target.path};
    ::unlink(one.temporary.c_str());  // of an earlier process of this number
    const int file = ::open(one.temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file < 0) throw failure(path, "cannot be written", errno);
    pending_.push_back(std::move(one));
    if (replaces) {
        // Its owner first: that takes set-id bits away. Who may not give files away keeps the new one.
        if (::fchown(file, target.facts.st_uid, target.facts.st_gid) == 0 || target.facts.st_uid == ::geteuid())
            ::fchmod(file, target.facts.st_mode & 0777);
    }
    return std::make_unique<OpenFile>(file, path, name);
}

WrittenFile PendingFiles::add(const std::string& path, const OutputFile& output) {
    const std::unique_ptr<OpenFile> file = open(path, output.name);
    file->put(output.content);
    if (output.make) output.make([&file](std::string_view piece) { file->put(piece); });
    return file->finish();
}

void PendingFiles::commit() {
    const SignalsWait guard;
    while (!pending_.empty()) {
        const Pending one = pending_.front();
        if (::rename(one.temporary.c_str(), one.target.c_str()) != 0)
            throw failure(one.target, "cannot be replaced", errno);
        pending_.erase(pending_.begin());
    }
}

bool read_pieces(const std::string& path, const Put& put) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return false;
    std::vector<char> piece(std::size_t{64} << 10);
    struct stat facts {};
    bool good = ::fstat(file, &facts) == 0 && S_ISREG(facts.st_mode);
    while (good) {
        const ssize_t n = ::read(file, piece.data(), piece.size());
        if (n == 0) break;
        if (n > 0) put({piece.data(), static_cast<std::size_t>(n)});
        good = n > 0 || errno == EINTR;
    }
    ::close(file);
    return good;
}

void make_directory(const std::string& directory) {
    std::error_code error;
    fs::create_directories(directory, error);
    if (!error && !fs::is_directory(directory, error) && !error)
        error = std::make_error_code(std::errc::not_a_directory);
    if (error) throw failure(directory, "the directory cannot be made", error.value());
}

void write_files(const std::string& directory, const std::vector<OutputFile>& files) {
    make_directory(directory);
    PendingFiles pending;
    for (const OutputFile& file : files) pending.add(directory + "/" + file.name, file);
    pending.commit();
}

void write_file(const std::string& path, const std::string& content) {
    const fs::path target(path);
    if (!target.parent_path().empty() && !descriptor_of(path)) make_directory(target.parent_path().string());
    PendingFiles pending;
    pending.add(path, {target.filename().string(), content});
    pending.commit();
}

}  // namespace xlate::study
