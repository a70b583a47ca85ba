// run.sqlite while its run goes on: a file of its own in the run's directory, since SQLite wants a path; gone at the
// end, when the run's files have taken it over.
#pragma once

#include <optional>
#include <string>

#include "study/database/run_database.hpp"
#include "study/results/files.hpp"

namespace xlate::study {

inline constexpr const char* kDatabaseFile = "run.sqlite";
inline constexpr const char* kDatabaseRows = "run.sqlite.rows";  ///< with what temporary_name() adds

class GrowingDatabase {
public:
    /// `directory`: held by this run. Errors: as RunDatabase.
    GrowingDatabase(const std::string& directory, bool transfers);
    ~GrowingDatabase();
    GrowingDatabase(const GrowingDatabase&) = delete;
    GrowingDatabase& operator=(const GrowingDatabase&) = delete;

    RunDatabase& database() { return *database_; }
    /// What stands in it, for its place among the run's files. After RunDatabase::write().
    OutputFile file() const;

private:
    std::string path_;
    std::optional<RunDatabase> database_;
};

}  // namespace xlate::study
