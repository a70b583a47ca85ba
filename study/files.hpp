// Output files: whole or not at all. Written beside the target, flushed, then renamed.
#pragma once

#include <string>
#include <vector>

namespace xlate::study {

struct OutputFile {
    std::string name;
    std::string content;
};

/// Makes `directory` (and its parents) if it is not there, and writes every file into it. All are first written under
/// temporary names, so a failure leaves the earlier files as they were.
/// Errors: InputError (status 4) that names the file and the system's reason.
void write_files(const std::string& directory, const std::vector<OutputFile>& files);
/// The same for one file with a path of its own.
void write_file(const std::string& path, const std::string& content);

}  // namespace xlate::study
