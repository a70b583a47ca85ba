// Output files: whole or not at all. Written beside the target, flushed, then renamed.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace xlate::study {

/// Takes the next piece of a file.
using Put = std::function<void(std::string_view piece)>;

struct OutputFile {
    std::string name;
    std::string content = {};
    std::function<void(const Put& put)> make = {};  ///< gives the content piece by piece, if it is there
};

/// Makes `directory` (and its parents) if it is not there, and writes every file into it. All are first written under
/// temporary names, so a failure leaves the earlier files as they were.
/// Errors: InputError (status 4) that names the file and the system's reason.
void write_files(const std::string& directory, const std::vector<OutputFile>& files);
/// The same for one file with a path of its own.
void write_file(const std::string& path, const std::string& content);

}  // namespace xlate::study
