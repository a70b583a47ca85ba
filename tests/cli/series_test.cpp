// series.json, stats.csv and run.sqlite: what they say adds up to result.json, and every name of theirs has a sentence.
#include <sqlite3.h>

#include <cmath>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "study/results/result_names.hpp"
#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

const std::string kConfigs = std::string(source_dir()) + "/configs/";

double sum_of(const Json& list) {
    double sum = 0;
    for (const Json& one : list) sum += one.is_null() ? 0 : one.get<double>();
    return sum;
}

double count_of(const Json& buckets) {
    double sum = 0;
    for (const Json& bucket : buckets) sum += bucket[2].get<double>();
    return sum;
}

void collect(const Json& value, const std::string& path, std::set<std::string>& names) {
    if (value.is_object()) {
        for (const auto& [key, inner] : value.items()) collect(inner, path.empty() ? key : path + "." + key, names);
    } else if (value.is_array()) {
        for (const Json& inner : value) collect(inner, path + "[]", names);
        // An empty list says nothing of what would be in it.
    } else {
        names.insert(path);
    }
}

void check_series(const Json& result, const Json& series) {
    const double width = series["bin_ns"].get<double>();
    const std::size_t bins = series["bins"].get<std::size_t>();
    CHECK(bins <= 128);
    const double end = series["end_ns"].get<double>();
    CHECK(width * static_cast<double>(bins) >= end - 0.001);
    CHECK(end <= result["sim"]["end_ns"].get<double>());
    for (const Json& one : series["masters"]) {
        const Json* master = nullptr;
        for (const Json& other : result["masters"]) {
            if (other["device"] == one["device"]) master = &other;
        }
        REQUIRE(master != nullptr);
        INFO(one["device"]);
        for (const char* key : {"transfers", "faults", "bytes_per_s", "outstanding", "latency_ns"})
            CHECK(one[key].size() == bins);
        const double done = (*master)["reads"].get<double>() + (*master)["writes"].get<double>();
        CHECK(sum_of(one["faults"]) == (*master)["faults"]);
        CHECK(sum_of(one["transfers"]) == done + (*master)["faults"].get<double>());
        CHECK(count_of(one["latency_buckets"]) == done + (*master)["faults"].get<double>());
        // The last stretch may be shorter: its rate is over what there is of it.
        const double last = end - width * static_cast<double>(bins - 1);
        double bytes = 0;
        double in_flight = 0;
        for (std::size_t i = 0; i < bins; ++i) {
            bytes += one["bytes_per_s"][i].get<double>() * (i + 1 == bins ? last : width) / 1e9;
            in_flight += one["outstanding"][i].get<double>() * (i + 1 == bins ? last : width);
        }
        CHECK(bytes == Approx((*master)["bytes"].get<double>()).epsilon(1e-3));
        // Little: what is in flight over time is what the latencies add up to.
        const double latencies = (*master)["latency_ns"]["mean"].get<double>() * count_of(one["latency_buckets"]);
        CHECK(in_flight == Approx(latencies).epsilon(2e-2));
    }
    for (const Json& one : series["iommus"]) {
        for (const Json& iommu : result["iommus"]) {
            if (iommu["name"] != one["name"]) continue;
            INFO(one["name"]);
            CHECK(sum_of(one["walks"]) <= iommu["walks"].get<double>());
            CHECK(sum_of(one["translations"]) == iommu["translations"]);
            CHECK(count_of(one["walk_buckets"]) == sum_of(one["walks"]));
            CHECK(count_of(one["latency_buckets"]) == iommu["translations"]);
            for (const Json& walking : one["walking"]) CHECK(walking <= one["walk_slots"]);
            for (const Json& hits : one["tlb_hits"]) CHECK((hits.is_null() || (hits >= 0 && hits <= 1)));
        }
    }
    for (const Json& cpu : series["cpus"]) {
        double before = 0;
        for (const Json& run : cpu["runs"]) {
            CHECK(run[0].get<double>() >= before);  // one task at a time
            CHECK(run[1].get<double>() > run[0].get<double>());
            CHECK(run[2] < series["tasks"].size());
            before = run[1].get<double>();
        }
        for (const Json& busy : cpu["busy"]) CHECK(busy <= 1.0001);
    }
    // Locks that were waited for: as often, and as long, as lockdep counted.
    double waits = 0;
    for (const Json& lock : series["locks"]) waits += lock["waits"].get<double>();
    double contended = 0;
    for (const Json& lock : result["kernel"]["locks"]) contended += lock["contended"].get<double>();
    CHECK(waits == contended);
}

}  // namespace

TEST_CASE("series: lists over time and histograms add up to the result, and every name is documented",
          "[cli][series]") {
    const Scratch scratch;
    std::set<std::string> documented;
    for (const auto& one : xlate::study::series_names()) {
        documented.insert(one.name);
        CHECK(!one.what.empty());
    }
    CHECK(documented.size() > 30);
    std::set<std::string> names;
    for (const std::string name : {"quickstart", "two_smmus", "riscv", "late_smmu_module", "strict"}) {
        INFO(name);
        const Said said = run_xlate(scratch, "run " + quoted(kConfigs + name + ".yaml") + " --quiet --out r");
        INFO(said.err);
        REQUIRE((said.status == 0 || said.status == 1));
        const Json series = Json::parse(read_text(scratch.path("r/series.json")));
        check_series(Json::parse(read_text(scratch.path("r/result.json"))), series);
        collect(series, "", names);
        if (name != "quickstart") continue;
        const std::string once = read_text(scratch.path("r/series.json"));
        REQUIRE(run_xlate(scratch, "run " + quoted(kConfigs + name + ".yaml") + " --quiet --trace --sqlite --out again")
                    .status == 0);
        CHECK(read_text(scratch.path("again/series.json")) == once);
        CHECK(Json::parse(read_text(scratch.path("again/result.json")))["digest"] == "3bc9d2f7d308941a");
    }
    for (std::string name : names) {
        // Rows of a list are one name.
        for (std::size_t at = name.find("[][]"); at != std::string::npos && at + 4 < name.size();
             at = std::string::npos)
            name.resize(at + 4);
        INFO(name);
        CHECK(documented.count(name) == 1);
    }
}

TEST_CASE("series: stats.csv has the numbers of the result, each with its unit and a sentence", "[cli][series]") {
    const Scratch scratch;
    REQUIRE(run_xlate(scratch, "run " + quoted(kConfigs + "quickstart.yaml") + " --quiet --out r").status == 0);
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    const std::string csv = read_text(scratch.path("r/stats.csv"));
    CHECK(csv.find("name,of,value,unit,what\r\n") == 0);
    std::map<std::string, std::string> values;
    std::size_t rows = 0;
    for (std::size_t at = csv.find('\n') + 1; at < csv.size(); at = csv.find('\n', at) + 1, ++rows) {
        const std::string line = csv.substr(at, csv.find("\r\n", at) - at);
        std::vector<std::string> cells;
        for (std::size_t from = 0; cells.size() < 4; from = line.find(',', from) + 1)
            cells.push_back(line.substr(from, line.find(',', from) - from));
        INFO(line);
        CHECK(values.emplace(cells[0] + " of " + cells[1], cells[2]).second);
        CHECK(line.back() != ',');  // a sentence
        const bool ns = cells[0].find("_ns") != std::string::npos;
        CHECK((cells[3] == "ns") == ns);
    }
    CHECK(rows > 200);
    for (const Json& master : result["masters"]) {
        const std::string of = " of " + master["device"].get<std::string>();
        CHECK(values.at("masters[].latency_ns.p99" + of) == master["latency_ns"]["p99"].dump());
        CHECK(values.at("masters[].reads" + of) == master["reads"].dump());
        CHECK(values.at("masters[].breakdown_ns.walk" + of) == master["breakdown_ns"]["walk"].dump());
    }
    CHECK(values.at("sim.end_ns of ") == result["sim"]["end_ns"].dump());
    CHECK(values.at("kernel.locks[].wait_ns of iommu_probe_device_lock") != "");
}

namespace {

std::vector<std::vector<std::string>> query(const std::string& file, const std::string& sql) {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
    std::vector<std::vector<std::string>> rows;
    char* error = nullptr;
    const int status = sqlite3_exec(
        database, sql.c_str(),
        [](void* into, int count, char** values, char**) {
            auto& all = *static_cast<std::vector<std::vector<std::string>>*>(into);
            all.emplace_back();
            for (int i = 0; i < count; ++i) all.back().emplace_back(values[i] == nullptr ? "NULL" : values[i]);
            return 0;
        },
        &rows, &error);
    INFO((error == nullptr ? "" : error));
    CHECK(status == SQLITE_OK);
    sqlite3_free(error);
    sqlite3_close(database);
    return rows;
}

}  // namespace

TEST_CASE("series: run.sqlite answers questions about numbers, time, histograms and single transactions",
          "[cli][series]") {
    const Scratch scratch;
    REQUIRE(
        run_xlate(scratch, "run " + quoted(kConfigs + "quickstart.yaml") + " --quiet --transactions --out r").status ==
        0);
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    const Json series = Json::parse(read_text(scratch.path("r/series.json")));
    const std::string file = scratch.path("r/run.sqlite");
    CHECK(query(file, "SELECT value FROM run WHERE key = 'digest'")[0][0] == result["digest"]);
    for (const Json& master : result["masters"]) {
        const std::string device = master["device"].get<std::string>();
        INFO(device);
        const auto rows = query(file,
                                "SELECT count(*), sum(what = 'fault'), avg(end_ns - start_ns), max(end_ns - start_ns), "
                                "max(abs(end_ns - start_ns - issue_ns - link_ns - iommu_queue_ns - tlb_ns - walk_ns - "
                                "memory_ns - return_ns)), avg(walk_ns) FROM transfer WHERE device = '" +
                                    device + "'");
        CHECK(rows[0][0] == master["issued"].dump());
        CHECK(rows[0][1] == master["faults"].dump());
        CHECK(std::stod(rows[0][2]) == Approx(master["latency_ns"]["mean"].get<double>()).margin(0.01));
        CHECK(std::stod(rows[0][3]) == Approx(master["latency_ns"]["max"].get<double>()).margin(0.01));
        CHECK(std::stod(rows[0][4]) < 1e-3);  // each transaction's parts add up
        CHECK(std::stod(rows[0][5]) == Approx(master["breakdown_ns"]["walk"].get<double>()).margin(0.01));
        const auto p99 = query(
            file, "SELECT value FROM statistic WHERE name = 'masters[].latency_ns.p99' AND of = '" + device + "'");
        CHECK(std::stod(p99[0][0]) == Approx(master["latency_ns"]["p99"].get<double>()));
        const auto buckets =
            query(file, "SELECT sum(count) FROM bucket WHERE name = 'masters[].latency_buckets[][]' AND of = '" +
                            device + "'");
        CHECK(buckets[0][0] == master["issued"].dump());
    }
    CHECK(query(file, "SELECT count(*) FROM series WHERE name = 'masters[].outstanding[]'")[0][0] ==
          std::to_string(series["masters"].size() * series["bins"].get<std::size_t>()));
    // Every name has its sentence.
    CHECK(query(file, "SELECT DISTINCT s.name FROM series s LEFT JOIN name n ON n.name = s.name WHERE n.what IS NULL")
              .empty());
    CHECK(query(file, "SELECT DISTINCT b.name FROM bucket b LEFT JOIN name n ON n.name = b.name WHERE n.what IS NULL")
              .empty());
    CHECK(query(file, "PRAGMA integrity_check")[0][0] == "ok");
    // Without being asked, no row a transaction; the same bytes each time.
    REQUIRE(run_xlate(scratch, "run " + quoted(kConfigs + "quickstart.yaml") + " --quiet --sqlite --out s").status ==
            0);
    CHECK(query(scratch.path("s/run.sqlite"), "SELECT count(*) FROM sqlite_master WHERE name = 'transfer'")[0][0] ==
          "0");
    const std::string once = read_text(scratch.path("s/run.sqlite"));
    REQUIRE(run_xlate(scratch, "run " + quoted(kConfigs + "quickstart.yaml") + " --quiet --sqlite --out s").status ==
            0);
    CHECK(read_text(scratch.path("s/run.sqlite")) == once);
    // Nothing is left beside it.
    std::set<std::string> left;
    for (const auto& entry : std::filesystem::directory_iterator(scratch.path("s")))
        left.insert(entry.path().filename().string());
    CHECK(left.count("run.sqlite") == 1);
    for (const std::string& name : left) CHECK(name.find("rows") == std::string::npos);
}
