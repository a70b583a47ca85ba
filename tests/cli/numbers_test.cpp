// Every number of a report and of a summary against result.json: columns are looked up by their titles, so that a new
// one without a value here fails.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "study/results/numbers.hpp"
#include "study/results/report/figure.hpp"
#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using xlate::study::percent_text;
using xlate::study::rate_text;
using xlate::study::span_text;
using xlate::study::table_number;
using xlate::study::text_of;
using xlate::study::Unit;
using Json = nlohmann::ordered_json;

namespace {

/// Then there is no column of it.
bool no_wait_for_software(const Json& result) {
    return std::all_of(result["masters"].begin(), result["masters"].end(),
                       [](const Json& master) { return master["breakdown_ns"]["software"] == 0; });
}

using Row = std::vector<std::string>;
struct Table {
    std::string caption;
    Row heads;
    std::vector<Row> rows;
};

std::string plain(std::string text) {
    for (const auto& [from, to] :
         {std::pair{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}}) {
        for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + 1))
            text.replace(at, std::string(from).size(), to);
    }
    return text;
}

/// The cells of a row, whether they head it or not.
Row cells_of(const std::string& row) {
    Row cells;
    for (std::size_t at = row.find("<t"); at != std::string::npos; at = row.find("<t", at + 1)) {
        if (row.compare(at, 3, "<td") != 0 && row.compare(at, 3, "<th") != 0) continue;
        const std::size_t start = row.find('>', at) + 1;
        cells.push_back(plain(row.substr(start, row.find("</t", start) - start)));
    }
    return cells;
}

/// What stands between `<tag...>` and `</tag>`, in order.
std::vector<std::string> all_of(const std::string& page, const std::string& tag) {
    std::vector<std::string> found;
    for (std::size_t at = page.find("<" + tag); at != std::string::npos; at = page.find("<" + tag, at + 1)) {
        const char after = page[at + tag.size() + 1];
        if (after != '>' && after != ' ') continue;
        const std::size_t start = page.find('>', at) + 1;
        found.push_back(page.substr(start, page.find("</" + tag + ">", start) - start));
    }
    return found;
}

std::vector<Table> tables_of(const std::string& page) {
    std::vector<Table> tables;
    for (const std::string& html : all_of(page, "table")) {
        Table table;
        table.caption = plain(all_of(html, "caption").at(0));
        for (const std::string& row : all_of(html, "tr")) {
            if (table.heads.empty()) {
                table.heads = cells_of(row);
            } else {
                table.rows.push_back(cells_of(row));
            }
        }
        tables.push_back(std::move(table));
    }
    return tables;
}

/// The figures by their titles.
std::map<std::string, std::string> figures_of(const std::string& page) {
    std::map<std::string, std::string> figures;
    for (const std::string& html : all_of(page, "figure")) {
        INFO(html.substr(0, 200));
        const std::string title = plain(all_of(html, "h3").at(0));
        CHECK(figures.emplace(title, html).second);  // no two of one name
    }
    return figures;
}

using Value = std::function<std::string(const Json&)>;

std::string share(const Json& cache) {
    return percent_text(cache["hits"].get<std::uint64_t>(), cache["lookups"].get<std::uint64_t>());
}
Value number(const char* key) {
    return [key](const Json& one) { return table_number(one.at(key)); };
}
Value word(const char* key) {
    return [key](const Json& one) { return one.at(key).is_null() ? "" : one.at(key).get<std::string>(); };
}
Value latency(const char* key) {
    return [key](const Json& one) { return span_text(one.at("latency_ns").at(key)); };
}
std::string hex(const Json& value) {
    char text[32];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value.get<std::uint64_t>()));
    return text;
}

/// Title of a table's first column -> where its rows come from, and what each column shows.
struct Source {
    std::function<std::vector<Json>(const Json&)> rows;
    std::map<std::string, Value> columns;
};

std::vector<Json> list(const Json& all) { return {all.begin(), all.end()}; }

std::map<std::string, Source> sources() {
    std::map<std::string, Source> all;
    all["master"] = {[](const Json& r) { return list(r["masters"]); },
                     {{"master", word("device")},
                      {"done",
                       [](const Json& m) {
                           return table_number(m["reads"].get<std::uint64_t>() + m["writes"].get<std::uint64_t>());
                       }},
                      {"faults", number("faults")},
                      {"bandwidth", [](const Json& m) { return rate_text(m["bandwidth_bytes_per_s"].get<double>()); }},
                      {"mean", latency("mean")},
                      {"p50", latency("p50")},
                      {"p90", latency("p90")},
                      {"p99", latency("p99")},
                      {"p99.9", latency("p999")},
                      {"max", latency("max")}}};
    all["IOMMU"] = {[](const Json& r) { return list(r["iommus"]); },
                    {{"IOMMU", word("name")},
                     {"driver", word("driver")},
                     {"translations", number("translations")},
                     {"TLB hits", [](const Json& i) { return share(i["tlb"]); }},
                     {"walks", number("walks")},
                     {"walk reads", number("walk_reads")},
                     {"config reads", number("config_reads")},
                     {"commands", number("commands")},
                     {"events", number("events")},
                     {"mean", latency("mean")},
                     {"p99", latency("p99")}}};
    all["group"] = {[](const Json& r) { return list(r["groups"]); },
                    {{"group", [](const Json& g) { return g["id"].dump(); }},
                     {"domain", word("type")},
                     {"devices", [](const Json& g) {
                          std::string names;
                          for (const Json& device : g["devices"])
                              names += (names.empty() ? "" : " ") + device.get<std::string>();
                          return names;
                      }}}};
    all["expectation"] = {[](const Json& r) { return list(r["expect"]); },
                          {{"expectation", word("expr")},
                           {"found", [](const Json& e) { return table_number(e["value"]); }},
                           {"outcome", [](const Json& e) { return e["ok"] == true ? "holds" : "FAILS"; }}}};
    all["time"] = {[](const Json& r) { return list(r["faults"]); },
                   {{"time", [](const Json& f) { return span_text(f["time_ns"]); }},
                    {"device", word("device")},
                    {"id", [](const Json& f) { return hex(f["id"]); }},
                    {"iova", [](const Json& f) { return hex(f["iova"]); }},
                    {"IOMMU", word("iommu")},
                    {"reason", word("reason")}}};
    all["device"] = {[](const Json& r) { return list(r["untranslated"]); },
                     {{"device", word("device")}, {"reason", word("kind")}, {"why", word("why")}}};
    all["lock"] = {[](const Json& r) { return list(r["kernel"]["locks"]); },
                   {{"lock", word("name")},
                    {"taken", number("acquired")},
                    {"held", [](const Json& l) { return span_text(l["held_ns"]); }},
                    {"waited for", number("contended")},
                    {"waited", [](const Json& l) { return span_text(l["wait_ns"]); }}}};
    all["what"] = {[](const Json& r) {
                       std::vector<Json> reports;
                       for (const char* kind : {"oops", "lockdep", "races", "warnings"}) {
                           for (const Json& report : r["kernel"][kind]) reports.push_back(report);
                       }
                       return reports;
                   },
                   {{"what", word("what")}, {"kind", word("kind")}, {"where", word("where")}}};
    return all;
}

double quantile_of(const Json& buckets, double share) {
    double all = 0;
    for (const Json& bucket : buckets) all += bucket[2].get<double>();
    double seen = 0;
    for (const Json& bucket : buckets) {
        seen += bucket[2].get<double>();
        if (seen >= share * all * (1 - 1e-12)) return bucket[1].get<double>();
    }
    return -1;
}

/// "a010000.dma", "9050000.iommu walk": the histogram of that column.
const Json& buckets_of(const Json& series, const std::string& column) {
    for (const Json& master : series["masters"]) {
        if (master["device"] == column) return master["latency_buckets"];
    }
    for (const Json& iommu : series["iommus"]) {
        const std::string name = iommu["name"].get<std::string>();
        if (column == name + " translation") return iommu["latency_buckets"];
        if (column == name + " walk") return iommu["walk_buckets"];
        if (column == name + " drain") return iommu["sync_buckets"];
    }
    FAIL(column);
    return series;
}

/// Of a chart over time: the list, its key, and how its numbers are written.
struct OverTime {
    const char* list;
    const char* key;
    Unit unit;
};
const std::map<std::string, OverTime>& over_time() {
    static const std::map<std::string, OverTime> all = {
        {"Bandwidth", {"masters", "bytes_per_s", Unit::rate}},
        {"Outstanding transfers", {"masters", "outstanding", Unit::count}},
        {"Mean latency", {"masters", "latency_ns", Unit::ns}},
        {"TLB hit rate", {"iommus", "tlb_hits", Unit::share}},
        {"Walk-cache hit rate", {"iommus", "walk_cache_hits", Unit::share}},
        {"Translations in the IOMMU", {"iommus", "in_flight", Unit::count}},
        {"Walk slots in use", {"iommus", "walking", Unit::count}},
        {"Command queue", {"iommus", "command_queue_busy", Unit::count}},
        {"Memory queue", {"memories", "in_flight", Unit::count}},
        {"Memory bandwidth", {"memories", "bytes_per_s", Unit::rate}},
        {"CPUs", {"cpus", "busy", Unit::share}},
        {"Waiting for locks", {"locks", "waiting", Unit::count}}};
    return all;
}

void check_over_time(const Table& table, const Json& series) {
    const OverTime& source = over_time().at(table.caption);
    REQUIRE(table.rows.size() == series["bins"].get<std::size_t>());
    for (std::size_t column = 1; column < table.heads.size(); ++column) {
        INFO(table.caption << " of " << table.heads[column]);
        const Json* values = nullptr;
        for (const Json& one : series[source.list]) {
            if ((one.contains("device") ? one["device"] : one["name"]) == table.heads[column])
                values = &one[source.key];
        }
        REQUIRE(values != nullptr);
        for (std::size_t i = 0; i < table.rows.size(); ++i) {
            const Json& value = (*values)[i];
            CHECK(table.rows[i][column] == (value.is_null() ? "–" : text_of(source.unit, value.get<double>())));
        }
    }
}

/// From when, and for how long: the stretch of a task.
bool has_stretch(const Json& stretches, const Json& tasks, const Row& row, std::size_t task, std::size_t from) {
    for (const Json& one : stretches) {
        if (tasks[one[2].get<std::size_t>()] == row[task] && span_text(one[0]) == row[from] &&
            span_text(one[1].get<double>() - one[0].get<double>()) == row[from + 1])
            return true;
    }
    return false;
}

const Json& named(const Json& list, const char* key, const std::string& name) {
    for (const Json& one : list) {
        if (one[key] == name) return one;
    }
    FAIL(name);
    return list;
}

/// Tables that are not lists of the result. False: none of them.
bool check_other_table(const Table& table, const Json& result, const Json& series, const std::string& config) {
    const std::string& kind = table.heads[0];
    if (kind == "from") {
        check_over_time(table, series);
        return true;
    }
    for (const Row& row : table.rows) {
        INFO(table.caption << ": " << row[0]);
        if (kind == "master" && table.heads.at(1) == "limited by") {
            const Json& master = named(result["masters"], "device", row[0]);
            const Json& limit = master["limited_by"];
            CHECK(row.at(1) == limit["resource"].get<std::string>());
            CHECK(row.at(2) == fmt::format("{:.0f} %", limit["share"].get<double>() * 100));
            CHECK(row.at(3) == rate_text(master["bandwidth_bytes_per_s"].get<double>()));
            CHECK(row.at(4).empty() == !master.contains("asked_bytes_per_s"));
            CHECK(row.at(5) == span_text(master["latency_ns"]["mean"]));
            CHECK(row.at(6) == span_text(master["latency_ns"]["p99"]));
        } else if (kind == "device" && table.heads.at(1) == "reason" && table.heads.size() == 8) {  // faults by kind
            std::vector<double> times, addresses;
            for (const Json& fault : result["faults"]) {
                if (fault["device"] != row[0] || fault["reason"] != row[1] || fault["iommu"] != row[2]) continue;
                times.push_back(fault["time_ns"].get<double>());
                addresses.push_back(fault["iova"].get<double>());
            }
            REQUIRE_FALSE(times.empty());
            CHECK(row[3] == table_number(Json(times.size())));
            const auto [first, last] = std::minmax_element(times.begin(), times.end());
            CHECK(row[4] == span_text(*first));
            CHECK(row[5] == span_text(*last));
            const auto [lowest, highest] = std::minmax_element(addresses.begin(), addresses.end());
            CHECK(row[6] == hex(Json(static_cast<std::uint64_t>(*lowest))));
            CHECK(row[7] == hex(Json(static_cast<std::uint64_t>(*highest))));
        } else if (kind == "mean of") {
            const Json& master = named(result["masters"], "device", row[0]);
            std::size_t i = 1;
            for (const auto& [part, ns] : master["breakdown_ns"].items()) {
                if (part == "software" && no_wait_for_software(result)) continue;
                CHECK(table.heads.at(i) == part);
                CHECK(row.at(i++) == span_text(ns));
            }
            CHECK(row.at(i) == span_text(master["latency_ns"]["mean"]));
        } else if (kind == "percentile") {
            const double share = std::stod(row[0].substr(1)) / 100;
            for (std::size_t i = 1; i < row.size(); ++i) {
                CHECK(row[i] == span_text(quantile_of(buckets_of(series, table.heads[i]), share)));
                for (const Json& master : result["masters"]) {
                    const std::string key = row[0] == "p99.9" ? "p999" : row[0];
                    if (master["device"] == table.heads[i] && master["latency_ns"].contains(key))
                        CHECK(quantile_of(buckets_of(series, table.heads[i]), share) ==
                              Approx(master["latency_ns"][key].get<double>()).margin(0.002));
                }
            }
        } else if (kind == "at most") {
            for (std::size_t i = 1; i < row.size(); ++i) {
                if (&row == &table.rows.back()) CHECK(row[i] == "100.0 %");
            }
        } else if (kind == "probe of") {
            bool found = false;
            for (const Json& event : result["kernel"]["timeline"]) {
                found = found ||
                        (event["event"] == "driver_probe" && event["device"] == row[0] && event["driver"] == row[1] &&
                         event["by"] == row[2] && span_text(event["t_ns"]) == row[3] &&
                         span_text(event["t_end_ns"].get<double>() - event["t_ns"].get<double>()) == row[4]);
            }
            CHECK(found);
        } else if (kind == "probe latency of") {
            CHECK(row[1] == span_text(named(result["devices"], "name", row[0])["probe_ns"]));
            CHECK(row[2] == row[1]);
        } else if (kind == "on CPU") {
            CHECK(has_stretch(named(series["cpus"], "name", row[0])["runs"], series["tasks"], row, 1, 2));
        } else if (kind == "of task") {
            CHECK(has_stretch(named(series["cpus"], "name", row[1])["runs"], series["tasks"], row, 0, 2));
        } else if (kind == "of lock") {
            CHECK(has_stretch(named(series["locks"], "name", row[0])["spans"], series["tasks"], row, 1, 3));
        } else if (kind == "part of the SoC") {
            for (const Json& master : result["masters"]) {
                if (master["device"] != row[0]) continue;
                CHECK(row[2] == rate_text(master["bandwidth_bytes_per_s"].get<double>()));
                if (master.contains("limited_by"))
                    CHECK(row[4] == "of " + master["limited_by"]["resource"].get<std::string>());
            }
            for (const Json& iommu : result["iommus"]) {
                if (iommu["name"] == row[0]) CHECK(row[2] == "TLB hits " + share(iommu["tlb"]));
            }
        } else if (kind == "where") {
            bool found = false;
            for (const Json& one : result["resources"]) {
                const auto part = one["part"].get<std::string>();
                const bool same = one["component"] == row[0] && row[2] == std::to_string(one["places"].get<int>()) &&
                                  (part.empty() || row[1].find(" " + part) != std::string::npos);
                const auto is = [&](std::size_t column, const char* key, double unit) {
                    // Rounded to what is printed of it.
                    return std::abs(std::stod(row[column]) - one[key].get<double>() * unit) <= 0.051;
                };
                found =
                    found || (same && is(3, "busy_share", 100) && is(4, "occupancy", 1) && is(5, "full_share", 100) &&
                              is(6, "waiting", 1) && row[7] == span_text(one["waited_ns"]));
            }
            CHECK(found);
        } else if (kind == "parameter") {
            const std::string own = row[0].substr(row[0].rfind('.') + 1);
            CHECK(config.find(own + ": " + row[1]) != std::string::npos);
            CHECK(config.find("# " + row[2] + ". " + row[3]) != std::string::npos);
        } else {
            return false;
        }
    }
    return !table.rows.empty();
}

void check_tables(const std::string& page, const Json& result, const Json& series, const std::string& config) {
    const std::map<std::string, Source> known = sources();
    std::map<std::string, std::size_t> seen;
    for (const Table& table : tables_of(page)) {
        INFO(table.heads.at(0));
        if (check_other_table(table, result, series, config)) continue;
        REQUIRE(known.count(table.heads.at(0)) == 1);
        const Source& source = known.at(table.heads[0]);
        const std::vector<Json> rows = source.rows(result);
        for (const Row& row : table.rows) {
            const std::size_t at = seen[table.heads[0]]++;
            if (table.heads[0] == "what") {  // of four kinds, each with a table: told apart by their texts
                bool found = false;
                for (const Json& one : rows)
                    found = found ||
                            (source.columns.at("what")(one) == row[0] && source.columns.at("where")(one) == row[2]);
                CHECK(found);
                continue;
            }
            REQUIRE(at < rows.size());
            if (row.size() > 1 && (row[1] == "not started" || row[1] == "0") && table.heads[0] == "master") {
                CHECK(rows[at]["issued"] == 0);
                continue;
            }
            for (std::size_t i = 0; i < row.size(); ++i) {
                INFO(table.heads[i] << " of " << row[0]);
                REQUIRE(source.columns.count(table.heads[i]) == 1);
                CHECK(row[i] == source.columns.at(table.heads[i])(rows[at]));
            }
        }
    }
    CHECK(seen["master"] == result["masters"].size());
    CHECK(seen["IOMMU"] == result["iommus"].size());
    CHECK(seen["group"] == result["groups"].size());
    CHECK(seen["lock"] == result["kernel"]["locks"].size());
}

/// The moments of a device that a chart may show, as it words them.
std::multiset<std::string> moments_of(const Json& result, const std::string& device) {
    std::multiset<std::string> all;
    for (const Json& event : result["kernel"]["timeline"]) {
        if (event["event"] != "driver_probe" || event["device"] != device || !event["ret"].is_number()) continue;
        const char* kind = event["ret"] == 0      ? "driver bound"
                           : event["ret"] == -517 ? "probe deferred"
                                                  : "probe failed";
        all.insert(device + " " + kind + ": " + span_text(event["t_end_ns"]));
    }
    for (const Json& one : result["devices"]) {
        if (one["name"] == device && one["first_dma_ns"].is_number())
            all.insert(device + " first DMA: " + span_text(one["first_dma_ns"]));
    }
    return all;
}

void check_chart(const std::string& page, const Json& result) {
    std::multiset<std::string> shown;
    for (const std::string& circle : all_of(page, "circle")) shown.insert(plain(all_of(circle, "title").at(0)));
    std::multiset<std::string> expected;
    for (const Json& device : result["devices"]) {
        bool iommu = false;
        for (const Json& one : result["iommus"]) iommu = iommu || one["name"] == device["name"];
        if (device["iommu"].is_null() && device["first_dma_ns"].is_null() && !iommu) continue;
        expected.merge(moments_of(result, device["name"]));
    }
    CHECK(shown == expected);
    // As far to the right as it is late: positions rise with the moments.
    std::map<double, double> places;
    double latest = 0;
    for (const Json& event : result["kernel"]["timeline"]) {
        if (event["event"] == "driver_probe" && event["t_end_ns"].is_number())
            latest = std::max(latest, event["t_end_ns"].get<double>());
    }
    CHECK(latest > 0);
}

/// Every rect of the figure has a title, and all of them are what is expected.
void check_bars(const std::string& page, const Json& result) {
    const std::map<std::string, std::string> figures = figures_of(page);
    const bool moved = std::any_of(result["masters"].begin(), result["masters"].end(),
                                   [](const Json& master) { return master["issued"] != 0; });
    REQUIRE(figures.count("Where the time of a transfer went, mean") == (moved ? 1 : 0));
    if (!moved) return;
    std::set<std::string> titles;
    for (const std::string& bar : all_of(figures.at("Where the time of a transfer went, mean"), "rect"))
        titles.insert(plain(all_of(bar, "title").at(0)));
    CHECK(titles.size() >= 3);
    for (const std::string& title : titles) {
        bool found = false;
        for (const Json& master : result["masters"]) {
            for (const auto& [part, ns] : master["breakdown_ns"].items())
                found = found || title == master["device"].get<std::string>() + " " + part + ": " + span_text(ns);
        }
        INFO(title);
        CHECK(found);
    }
    for (const Json& master : result["masters"]) {
        double sum = 0;
        for (const auto& [part, ns] : master["breakdown_ns"].items()) sum += ns.get<double>();
        CHECK(sum == Approx(master["latency_ns"]["mean"].get<double>()).margin(0.02));
    }
}

/// The rows of a table of the summary that starts with `title` and ends with an empty line; cells are two blanks apart.
std::vector<Row> rows_below(const std::string& summary, const std::string& title) {
    std::vector<Row> rows;
    std::size_t at = summary.find(title);
    REQUIRE(at != std::string::npos);
    if (title.front() == '\n') ++at;
    for (at = summary.find('\n', at) + 1; at < summary.size() && summary[at] != '\n'; at = summary.find('\n', at) + 1) {
        std::string line = summary.substr(at, summary.find('\n', at) - at);
        Row row;
        for (std::size_t i = 0; i < line.size();) {
            if (line[i] == ' ') {
                ++i;
                continue;
            }
            const std::size_t end = std::min(line.find("  ", i), line.size());
            row.push_back(line.substr(i, end - i));
            i = end;
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

void check_summary(const std::string& summary, const Json& result) {
    const std::map<std::string, Source> known = sources();
    const auto check = [&](const std::vector<Row>& rows, const std::string& kind, const char* list_key) {
        REQUIRE(rows.size() == result[list_key].size() + 1);
        for (std::size_t r = 1; r < rows.size(); ++r) {
            const Json& one = result[list_key][r - 1];
            if (kind == "master" && one["issued"] == 0) continue;
            REQUIRE(rows[r].size() == rows[0].size() + 1);
            for (std::size_t i = 0; i < rows[0].size(); ++i) {
                INFO(rows[0][i] << " of " << rows[r][0]);
                std::string wanted = known.at(kind).columns.at(rows[0][i])(one);
                wanted.erase(std::remove(wanted.begin(), wanted.end(), ','),
                             wanted.end());  // the summary groups no digits
                CHECK(rows[r][i + 1] == wanted);
            }
        }
    };
    check(rows_below(summary, "\nIOMMUs"), "IOMMU", "iommus");
    check(rows_below(summary, "\nMasters"), "master", "masters");
    bool some = false;
    for (const Json& master : result["masters"]) some = some || master["issued"] != 0;
    const std::vector<Row> where = some ? rows_below(summary, "  where the time went, mean") : std::vector<Row>{};
    std::size_t at = 0;
    for (const Json& master : result["masters"]) {
        if (master["issued"] == 0) continue;
        REQUIRE(at < where.size());
        CHECK(where[at][0] == master["device"]);
        std::size_t i = 1;
        for (const auto& [part, ns] : master["breakdown_ns"].items()) {
            if (part == "software" && no_wait_for_software(result)) continue;
            CHECK(where[at].at(i++) == span_text(ns));
        }
        ++at;
    }
    const std::string head = summary.substr(0, summary.find("\n\n"));
    CHECK(head.find("booted in " + span_text(result["sim"]["boot_ns"]) + ", ended at " +
                    span_text(result["sim"]["end_ns"])) != std::string::npos);
    CHECK(head.find("digest " + result["digest"].get<std::string>()) != std::string::npos);
    CHECK(head.find("seed " + result["seed"].dump()) != std::string::npos);
    CHECK(summary.find("Groups (" + std::to_string(result["groups"].size()) + ")") != std::string::npos);
    if (!result["faults"].empty())
        CHECK(summary.find("Faults (" + result["faults_total"].dump() + ")") != std::string::npos);
}

}  // namespace

TEST_CASE("numbers: every one of a report and a summary is the result's, in its place", "[cli][report]") {
    const Scratch scratch;
    for (const std::string name : {"quickstart", "two_smmus", "studies/race-window", "unmap_mid_traffic"}) {
        INFO(name);
        const Said said =
            run_xlate(scratch, "run " + quoted(std::string(source_dir()) + "/configs/" + name + ".yaml") + " --out r");
        REQUIRE((said.status == 0 || said.status == 1));
        REQUIRE(run_xlate(scratch, "report r").status == 0);
        const Json result = Json::parse(read_text(scratch.path("r/result.json")));
        const std::string page = read_text(scratch.path("r/report.html"));
        const Json series = Json::parse(read_text(scratch.path("r/series.json")));
        check_tables(page, result, series, read_text(scratch.path("r/config.resolved.yaml")));
        check_chart(page, result);
        check_bars(page, result);
        check_summary(said.out, result);
    }
}

TEST_CASE("report: no device is bound before the IOMMU that it waits for", "[cli][report]") {
    const Scratch scratch;
    REQUIRE(
        run_xlate(scratch, "run " + quoted(std::string(source_dir()) + "/configs/quickstart.yaml") + " --quiet --out r")
            .status == 0);
    REQUIRE(run_xlate(scratch, "report r").status == 0);
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    const std::string page = read_text(scratch.path("r/report.html"));
    // Places in the picture, by device: where its circle "driver bound" stands.
    std::map<std::string, double> bound;
    for (std::size_t at = page.find("<circle "); at != std::string::npos; at = page.find("<circle ", at + 1)) {
        const double x = std::stod(page.substr(page.find(" cx=\"", at) + 5));
        const std::size_t start = page.find("<title>", at) + 7;
        const std::string title = page.substr(start, page.find("</title>", start) - start);
        const std::size_t kind = title.find(" driver bound: ");
        if (kind != std::string::npos) bound[title.substr(0, kind)] = x;
    }
    REQUIRE(bound.count("9050000.iommu") == 1);
    std::size_t masters = 0;
    for (const Json& device : result["devices"]) {
        if (device["iommu"] != "9050000.iommu") continue;
        INFO(device["name"]);
        CHECK(bound.at(device["name"]) > bound.at("9050000.iommu"));
        ++masters;
    }
    CHECK(masters == 5);
}
