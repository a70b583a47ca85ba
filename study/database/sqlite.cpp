#include "study/database/sqlite.hpp"

#include <sqlite3.h>

#include "base/error.hpp"

namespace xlate::study {

void SqliteFile::fail() const {
    throw InputError(Diagnostic{{path_, {}, {}, {}}, "", std::string("SQLite: ") + sqlite3_errmsg(file_), "", ""},
                     ExitStatus::limit);
}

SqliteFile::SqliteFile(const std::string& path) : path_(path) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (sqlite3_open_v2(path.c_str(), &file_, flags, nullptr) != SQLITE_OK) {
        const std::string why = file_ == nullptr ? "out of memory" : sqlite3_errmsg(file_);
        sqlite3_close(file_);
        throw InputError(Diagnostic{{path, {}, {}, {}}, "", "SQLite: " + why, "", ""}, ExitStatus::limit);
    }
    run("PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN");
}

SqliteFile::~SqliteFile() { sqlite3_close_v2(file_); }

void SqliteFile::run(const std::string& statement) {
    if (sqlite3_exec(file_, statement.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

void SqliteFile::close() {
    run("COMMIT");
    if (sqlite3_close_v2(file_) != SQLITE_OK) fail();
    file_ = nullptr;
}

void SqliteFile::Rows::Closer::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

SqliteFile::Rows::Rows(SqliteFile& file, const std::string& insert) : file_(file) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v2(file.file_, insert.c_str(), -1, &made, nullptr) != SQLITE_OK) file.fail();
    statement_.reset(made);
}

SqliteFile::Rows& SqliteFile::Rows::text(std::string_view value) {
    const int status =
        sqlite3_bind_text64(statement_.get(), next_++, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    if (status != SQLITE_OK) file_.fail();
    return *this;
}

/// SQLite's integers have a sign: addresses above 2^63 come out negative, with all their bits.
SqliteFile::Rows& SqliteFile::Rows::integer(std::uint64_t value) {
    if (sqlite3_bind_int64(statement_.get(), next_++, static_cast<sqlite3_int64>(value)) != SQLITE_OK) file_.fail();
    return *this;
}

SqliteFile::Rows& SqliteFile::Rows::real(double value) {
    if (sqlite3_bind_double(statement_.get(), next_++, value) != SQLITE_OK) file_.fail();
    return *this;
}

SqliteFile::Rows& SqliteFile::Rows::null() {
    if (sqlite3_bind_null(statement_.get(), next_++) != SQLITE_OK) file_.fail();
    return *this;
}

void SqliteFile::Rows::add_row() {
    if (sqlite3_step(statement_.get()) != SQLITE_DONE) file_.fail();
    sqlite3_reset(statement_.get());
    next_ = 1;
}

}  // namespace xlate::study
