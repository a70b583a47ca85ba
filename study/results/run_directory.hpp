// The directory of one run or sweep: held by one process at a time, and without anything of an earlier one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "study/results/files.hpp"

namespace xlate::study {

/// Holds a directory from before the work is done until its results are written. A lock (flock) that ends with the
/// process, however it ends; where the file system has none, nothing is locked.
class RunDirectory {
public:
    enum class Hold {
        alone,     ///< by no other at the same time
        together,  ///< with others that hold it together: parts of a sweep
    };
    /// Makes the directory and its parents; removes what dead runs left half-written of `owned`, the names of all files
    /// that this run may leave. Errors: InputError (status 4): another run holds it, or it cannot be written.
    RunDirectory(std::string path, std::vector<std::string> owned, Hold hold = Hold::alone);
    ~RunDirectory();
    RunDirectory(const RunDirectory&) = delete;
    RunDirectory& operator=(const RunDirectory&) = delete;

    const std::string& path() const { return path_; }
    /// Asks for the directory alone, without waiting.
    bool try_alone();
    /// Lets others in, who hold it together.
    void hold_together();

    /// A file that is written while the run goes on; write() finishes it with the others.
    OpenFile& open(const std::string& name);

    /// Writes `files`; then what `last` makes of them (their manifest), without which the directory is not whole; and
    /// removes those of the owned files that are not among them. All or nothing, as write_files.
    void write(const std::vector<OutputFile>& files,
               const std::function<OutputFile(const std::vector<WrittenFile>&)>& last = {});

private:
    std::string path_;
    std::vector<std::string> owned_;
    int file_ = -1;
    bool locked_ = false;
    PendingFiles pending_;
    std::vector<std::unique_ptr<OpenFile>> open_;
    std::vector<std::string> open_names_;
};

/// What says that a directory has results of a sweep, or those of a single run: "sweep.json"; empty: it has none.
std::string sweep_in(const std::string& directory);
std::string run_in(const std::string& directory);
/// Of a directory that was named for the other of the two. Errors: InputError (status 2) where it has them. (In the
/// default one, out/NAME, both have their place: they share the name report.html alone.)
void refuse_directory_of_sweep(const std::string& directory);
void refuse_directory_of_run(const std::string& directory);

}  // namespace xlate::study
