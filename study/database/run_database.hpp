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
#include "soc/measure/forwarding_trace.hpp"
#include "study/database/sqlite.hpp"

namespace xlate::study {

class RunDatabase final : public soc::ForwardingTrace {
public:
    /// Makes the file at `path`, which must not be there. `transfers`: also that table, as the run goes on.
    /// Errors: InputError (status 4) with what SQLite says; of the run's calls they are kept and thrown by write().
    RunDatabase(const std::string& path, bool transfers);
    ~RunDatabase() override;
    RunDatabase(const RunDatabase&) = delete;
    RunDatabase& operator=(const RunDatabase&) = delete;

    /// The other tables; then the file is whole.
    void write(const nlohmann::ordered_json& result, const nlohmann::ordered_json& series);

    void ended(std::string_view device, std::uint64_t number, const soc::Ledger& ledger, SimTime at) override;
    void step(const soc::TraceStep& step) override;

private:
    void add_transfer(const soc::TraceStep& step);
    void write_series(const nlohmann::ordered_json& series);

    SqliteFile file_;
    std::unique_ptr<SqliteFile::Rows> transfers_;  ///< nullptr: not asked for
    std::optional<soc::Ledger> ledger_;            ///< of the transaction that has just ended
    std::optional<InputError> error_;
};

}  // namespace xlate::study
