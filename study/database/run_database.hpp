// run.sqlite: what a run came to, for questions in SQL.
//   run        key, value                                              name, digest, seed, ...
//   name       name, unit, what                                        every name of the two next tables
//   statistic  name, of, value                                         the numbers of result.json
//   series     name, of, bin, start_ns, value                          the lists over time of series.json
//   bucket     name, of, low_ns, high_ns, count                        its histograms
//   transfer   device, number, start_ns, end_ns, iova, bytes, what     when asked: one row a transaction, and where its
//              and a column for each part of breakdown_ns              time went; null where it was planned ahead
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "soc/measure/trace.hpp"
#include "study/database/sqlite.hpp"

namespace xlate::study {

class RunDatabase final : public soc::TraceSink {
public:
    /// Makes the file at `path`, which must not be there. `transfers`: also that table, as the run goes on.
    /// Errors: InputError (status 4) with what SQLite says; of the run's calls they are kept and thrown by write().
    RunDatabase(const std::string& path, bool transfers);
    ~RunDatabase() override;
    RunDatabase(const RunDatabase&) = delete;
    RunDatabase& operator=(const RunDatabase&) = delete;
    /// Hears of everything, and asks for steps on its own account.
    void set_next(soc::TraceSink* next) {
        next_ = next;
        steps = steps || (next != nullptr && next->steps);
    }

    /// The other tables; then the file is whole.
    void write(const nlohmann::ordered_json& result, const nlohmann::ordered_json& series);

    void issued(std::string_view device, std::uint64_t number, SimTime at) override;
    void ended(std::string_view device, std::uint64_t number, const soc::Ledger& ledger, SimTime at) override;
    void step(const soc::TraceStep& step) override;
    void transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write, SimTime start,
                     SimTime end, bool fault) override;
    void span(std::string_view component, std::string_view what, SimTime start, SimTime end,
              std::uint64_t detail) override;
    void instant(std::string_view component, std::string_view what, SimTime at, std::uint64_t detail) override;

private:
    void add_transfer(const soc::TraceStep& step);
    void write_series(const nlohmann::ordered_json& series);

    SqliteFile file_;
    std::unique_ptr<SqliteFile::Rows> transfers_;  ///< nullptr: not asked for
    std::optional<soc::Ledger> ledger_;            ///< of the transaction that has just ended
    std::optional<InputError> error_;
    soc::TraceSink* next_ = nullptr;
};

}  // namespace xlate::study
