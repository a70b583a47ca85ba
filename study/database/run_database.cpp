#include "study/database/run_database.hpp"

#include <array>

#include "study/results/result_names.hpp"
#include "study/results/statistics.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

double in_ns(SimTime time) { return static_cast<double>(time.fs) / static_cast<double>(kFsPerNs); }

std::string transfer_columns() {
    std::string columns;
    for (std::size_t i = 0; i < soc::kGroups; ++i)
        columns += std::string(", ") + soc::name(static_cast<soc::Group>(i)) + "_ns REAL";
    return columns;
}

std::string insert(const std::string& table, std::size_t columns) {
    std::string text = "INSERT INTO " + table + " VALUES (?";
    for (std::size_t i = 1; i < columns; ++i) text += ", ?";
    return text + ")";
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

}  // namespace

RunDatabase::RunDatabase(const std::string& path, bool transfers) : file_(path) {
    steps = transfers;
    file_.run(
        "CREATE TABLE run (key TEXT, value TEXT);"
        "CREATE TABLE name (name TEXT, unit TEXT, what TEXT);"
        "CREATE TABLE statistic (name TEXT, of TEXT, value REAL);"
        "CREATE TABLE series (name TEXT, of TEXT, bin INTEGER, start_ns REAL, value REAL);"
        "CREATE TABLE bucket (name TEXT, of TEXT, low_ns REAL, high_ns REAL, count INTEGER)");
    if (!transfers) return;
    file_.run(
        "CREATE TABLE transfer (device TEXT, number INTEGER, start_ns REAL, end_ns REAL, iova INTEGER, bytes INTEGER, "
        "what TEXT" +
        transfer_columns() + ")");
    transfers_ = std::make_unique<SqliteFile::Rows>(file_, insert("transfer", 7 + soc::kGroups));
}

RunDatabase::~RunDatabase() = default;

void RunDatabase::add_transfer(const soc::TraceStep& step) {
    SqliteFile::Rows& row = *transfers_;
    row.text(step.component).integer(step.number).real(in_ns(step.start)).real(in_ns(step.end));
    row.integer(step.address).integer(step.size).text(step.what);
    if (ledger_) {
        std::array<std::uint64_t, soc::kGroups> groups{};
        for (std::size_t i = 0; i < soc::kParts; ++i) {
            const auto part = static_cast<soc::Part>(i);
            groups[static_cast<std::size_t>(soc::group_of(part))] += ledger_->fs(part);
        }
        for (const std::uint64_t fs : groups) row.real(in_ns({fs}));
    } else {
        for (std::size_t i = 0; i < soc::kGroups; ++i) row.null();
    }
    row.add_row();
}

void RunDatabase::step(const soc::TraceStep& step) {
    if (transfers_ != nullptr && step.kind == soc::TraceStep::Kind::transfer) {
        try {
            if (!error_) add_transfer(step);
        } catch (const InputError& error) {
            error_ = error;
        }
        ledger_.reset();
    }
    ForwardingTrace::step(step);
}

void RunDatabase::ended(std::string_view device, std::uint64_t number, const soc::Ledger& ledger, SimTime at) {
    if (transfers_ != nullptr) ledger_ = ledger;
    ForwardingTrace::ended(device, number, ledger, at);
}

void RunDatabase::write_series(const Json& series) {
    SqliteFile::Rows values(file_, insert("series", 5));
    SqliteFile::Rows buckets(file_, insert("bucket", 5));
    const double width = series.at("bin_ns").get<double>();
    for (const char* list : {"masters", "iommus", "memories", "cpus", "locks"}) {
        for (const Json& one : series.at(list)) {
            const std::string of = text_of(one.contains("device") ? one.at("device") : one.at("name"));
            for (const auto& [key, value] : one.items()) {
                if (!value.is_array() || value.empty()) continue;
                const bool histogram = key.size() > 8 && key.compare(key.size() - 8, 8, "_buckets") == 0;
                const std::string name = std::string(list) + "[]." + key + (histogram ? "[][]" : "[]");
                if (value.front().is_array() && !histogram) continue;
                for (std::size_t i = 0; i < value.size(); ++i) {
                    if (histogram) {
                        buckets.text(name).text(of).real(value[i][0].get<double>()).real(value[i][1].get<double>());
                        buckets.integer(value[i][2].get<std::uint64_t>()).add_row();
                        continue;
                    }
                    values.text(name).text(of).integer(i).real(static_cast<double>(i) * width);
                    if (value[i].is_null()) {
                        values.null().add_row();
                    } else {
                        values.real(value[i].get<double>()).add_row();
                    }
                }
            }
        }
    }
}

void RunDatabase::write(const Json& result, const Json& series) {
    if (error_) throw InputError(*error_);
    transfers_.reset();
    {
        SqliteFile::Rows run(file_, insert("run", 2));
        for (const char* key : {"name", "digest", "seed", "variant"})
            run.text(key).text(text_of(result.at(key))).add_row();
        run.text("model").text(text_of(result.at("model").at("version"))).add_row();
        run.text("bin_ns").text(text_of(series.at("bin_ns"))).add_row();
        SqliteFile::Rows names(file_, insert("name", 3));
        for (const std::vector<ResultName>& page : {result_names(), series_names()}) {
            for (const ResultName& one : page) names.text(one.name).text(one.unit).text(one.what).add_row();
        }
        SqliteFile::Rows values(file_, insert("statistic", 3));
        for (const Statistic& one : statistics(result))
            values.text(one.name).text(one.of).real(Json::parse(one.value).get<double>()).add_row();
        write_series(series);
    }
    file_.close();
}

}  // namespace xlate::study
