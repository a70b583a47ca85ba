// Output files: whole or not at all, and never anything but what the path is. A regular file (through links) is written
// beside the target, flushed, then renamed; a pipe, a device or an open descriptor (/dev/stdout) is opened and written.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.hpp"

namespace xlate::study {

/// Takes the next piece of a file.
using Put = std::function<void(std::string_view piece)>;

struct OutputFile {
    std::string name;
    std::string content = {};
    std::function<void(const Put& put)> make = {};  ///< gives the content piece by piece, if it is there
};

/// What was written.
struct WrittenFile {
    std::string name;
    std::uint64_t bytes = 0;
    std::string sha256;
};

/// A file that is being written. An error of the system is kept, and thrown at the end: what runs meanwhile may go on.
class OpenFile {
public:
    /// Takes over `file`. `path`: for messages.
    OpenFile(int file, std::string path, std::string name);
    ~OpenFile();
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    void put(std::string_view piece);
    /// Flushes and closes. Errors: InputError (status 4) that names the file and the system's reason.
    WrittenFile finish();

private:
    int file_;
    std::string path_;
    int error_ = 0;
    WrittenFile written_;
    Sha256 digest_;
};

/// Files that are to appear together. What is not committed leaves no trace.
class PendingFiles {
public:
    PendingFiles() = default;
    ~PendingFiles();
    PendingFiles(const PendingFiles&) = delete;
    PendingFiles& operator=(const PendingFiles&) = delete;

    /// Writes `file` for `path`, under a temporary name where the path is a regular file or nothing yet.
    /// Errors: InputError (status 4) that names the file and the system's reason.
    WrittenFile add(const std::string& path, const OutputFile& file);
    /// The same for a file that is written over some time; it must be finished before commit().
    std::unique_ptr<OpenFile> open(const std::string& path, const std::string& name);
    /// Gives all their names, in the order in which they were added. Signals wait meanwhile.
    void commit();

private:
    struct Pending {
        std::string temporary;
        std::string target;
    };
    std::vector<Pending> pending_;
};

/// Makes `directory` (and its parents) if it is not there, and writes every file into it: all or none.
/// Errors: InputError (status 4) that names the file and the system's reason.
void write_files(const std::string& directory, const std::vector<OutputFile>& files);
/// The same for one file with a path of its own.
void write_file(const std::string& path, const std::string& content);

/// Gives a file piece by piece; false if it cannot be read to its end.
bool read_pieces(const std::string& file, const Put& put);

/// Makes `directory` and its parents. Errors: as above.
void make_directory(const std::string& directory);

/// The name under which `pid` writes what becomes `name`; is_temporary tells such names of `name`, whoever wrote them.
std::string temporary_name(const std::string& name, int pid);
bool is_temporary(std::string_view candidate, std::string_view name);

}  // namespace xlate::study
