#include "study/results/run_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"

namespace xlate::study {
namespace {

namespace fs = std::filesystem;

InputError failure(const std::string& path, const std::string& what) {
    return InputError(Diagnostic{{path, {}, {}, {}}, "", what, "", ""}, ExitStatus::limit);
}

std::string first_of(const std::string& directory, std::initializer_list<const char*> files) {
    std::error_code ignored;
    for (const char* file : files) {
        if (fs::exists(fs::path(directory) / file, ignored)) return file;
    }
    return {};
}

void refuse(const std::string& directory, const std::string& file, const char* holds, const char* wanted) {
    if (file.empty()) return;
    throw InputError(Diagnostic{{directory, {}, {}, {}}, "", fmt::format("holds {} ({})", holds, file), wanted, ""});
}

}  // namespace

std::string sweep_in(const std::string& directory) {
    return first_of(directory, {"sweep.json", "plan.json", "points"});
}

std::string run_in(const std::string& directory) { return first_of(directory, {"result.json"}); }

void refuse_directory_of_sweep(const std::string& directory) {
    refuse(directory, sweep_in(directory), "a sweep", "another directory for a single run");
}

void refuse_directory_of_run(const std::string& directory) {
    refuse(directory, run_in(directory), "a single run", "another directory for a sweep");
}

RunDirectory::RunDirectory(std::string path, std::vector<std::string> owned, Hold hold)
    : path_(std::move(path)), owned_(std::move(owned)) {
    make_directory(path_);
    file_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file_ < 0) throw failure(path_, fmt::format("cannot be opened: {}", std::strerror(errno)));
    const int mode = hold == Hold::alone ? LOCK_EX : LOCK_SH;
    locked_ = ::flock(file_, mode | LOCK_NB) == 0;
    const int refused = errno;
    const bool writable = ::access(path_.c_str(), W_OK | X_OK) == 0;
    if ((!locked_ && refused == EWOULDBLOCK) || !writable) {
        const std::string why = writable ? "another xlate is writing into this directory; its results stay its own"
                                         : fmt::format("cannot be written into: {}", std::strerror(errno));
        ::close(file_);
        throw failure(path_, why);
    }
    if (!locked_ || hold != Hold::alone) return;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(path_, error)) {
        const std::string name = entry.path().filename().string();
        const auto of_ours = [&](const std::string& own) { return is_temporary(name, own); };
        if (std::any_of(owned_.begin(), owned_.end(), of_ours)) ::unlink(entry.path().c_str());
    }
}

RunDirectory::~RunDirectory() {
    if (file_ >= 0) ::close(file_);
}

bool RunDirectory::try_alone() { return ::flock(file_, LOCK_EX | LOCK_NB) == 0; }

void RunDirectory::hold_together() { ::flock(file_, LOCK_SH); }

OpenFile& RunDirectory::open(const std::string& name) {
    open_.push_back(pending_.open(path_ + "/" + name, name));
    open_names_.push_back(name);
    return *open_.back();
}

void RunDirectory::write(const std::vector<OutputFile>& files,
                         const std::function<OutputFile(const std::vector<WrittenFile>&)>& last) {
    std::vector<WrittenFile> written;
    std::vector<std::string> names = std::exchange(open_names_, {});
    for (const OutputFile& file : files) {
        written.push_back(pending_.add(path_ + "/" + file.name, file));
        names.push_back(file.name);
    }
    for (const std::unique_ptr<OpenFile>& file : open_) written.push_back(file->finish());
    open_.clear();
    std::string final_name;
    if (last) {
        const OutputFile file = last(written);
        final_name = file.name;
        pending_.add(path_ + "/" + file.name, file);
    }
    for (const std::string& name : owned_) {
        // The last file goes first: a directory without it is between two runs.
        const bool comes = std::find(names.begin(), names.end(), name) != names.end();
        if (!comes || name == final_name) ::unlink((path_ + "/" + name).c_str());
    }
    pending_.commit();
}

}  // namespace xlate::study
