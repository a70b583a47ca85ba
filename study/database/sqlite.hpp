// The little of SQLite that we use: a file, statements, rows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace xlate::study {

/// A file that is made anew; nothing in it is kept safe from a crash of the host before close().
/// Errors, of every call: InputError (status 4) with the file and what SQLite says.
class SqliteFile {
public:
    explicit SqliteFile(const std::string& path);
    ~SqliteFile();
    SqliteFile(const SqliteFile&) = delete;
    SqliteFile& operator=(const SqliteFile&) = delete;

    void run(const std::string& statement);
    /// Everything so far is in the file; the last call.
    void close();

    /// Rows of one table, one after the other: values are added from left to right, then add_row().
    class Rows {
    public:
        Rows(SqliteFile& file, const std::string& insert);
        Rows& text(std::string_view value);
        Rows& integer(std::uint64_t value);
        Rows& real(double value);
        Rows& null();
        void add_row();

    private:
        struct Closer {
            void operator()(sqlite3_stmt* statement) const;
        };
        SqliteFile& file_;
        std::unique_ptr<sqlite3_stmt, Closer> statement_;
        int next_ = 1;
    };

private:
    [[noreturn]] void fail() const;
    const std::string path_;
    sqlite3* file_ = nullptr;
};

}  // namespace xlate::study
