#include "study/database/growing_database.hpp"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "base/error.hpp"

namespace xlate::study {

GrowingDatabase::GrowingDatabase(const std::string& directory, bool transfers)
    : path_(directory + "/" + temporary_name(kDatabaseRows, ::getpid())) {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
    database_.emplace(path_, transfers);
}

GrowingDatabase::~GrowingDatabase() {
    database_.reset();
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
}

OutputFile GrowingDatabase::file() const {
    return {kDatabaseFile, {}, [this](const Put& put) {
                if (read_pieces(path_, put)) return;
                throw InputError(Diagnostic{{path_, {}, {}, {}}, "", "cannot be read back", "", ""}, ExitStatus::limit);
            }};
}

}  // namespace xlate::study
