// The boot of a run: probes, deferrals, who ran on which CPU, who held and waited for which lock.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "study/results/numbers.hpp"
#include "study/results/report/gantt.hpp"
#include "study/results/report/run_page.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kEPROBE_DEFER = 517;
constexpr std::size_t kMostGanttRows = 60;

/// When probes of each master and IOMMU began, ended and how, and when its DMA began.
Gantt devices_chart(const Json& result) {
    enum Kind : std::size_t { probing, deferred, failed, bound, dma };
    Gantt chart;
    chart.title = "Probes of masters and IOMMUs";
    chart.description =
        "From the start of a driver's probe to its end, how it ended, and when the device's traffic began.";
    chart.kinds = {"probe", "probe deferred", "probe failed", "driver bound", "first DMA"};
    HtmlTable table(chart.title, {"probe of", "driver", "by", "start", "took", "outcome"}, 3);
    std::set<std::string> hardware;
    for (const Json& iommu : result.at("iommus")) hardware.insert(text(iommu.at("name")));
    std::map<std::string, std::vector<const Json*>> probes;
    for (const Json& event : result.at("kernel").at("timeline")) {
        if (event.at("event") == "driver_probe") probes[text(event.at("device"))].push_back(&event);
    }
    for (const Json& device : result.at("devices")) {
        const std::string name = text(device.at("name"));
        if (device.at("iommu").is_null() && device.at("first_dma_ns").is_null() && hardware.count(name) == 0) continue;
        Gantt::Row row;
        row.name = name;
        for (const Json* probe : probes[name]) {
            const Json& ret = probe->at("ret");
            if (!ret.is_number() || !probe->at("t_end_ns").is_number()) continue;  // it did not return
            const Kind kind = ret == 0 ? bound : ret == -kEPROBE_DEFER ? deferred : failed;
            const double from = probe->at("t_ns").get<double>();
            const double to = probe->at("t_end_ns").get<double>();
            if (to > from) row.stretches.push_back({from, to, probing, "probe"});
            row.stretches.push_back({to, to, kind, chart.kinds[kind]});
            table.add({name, text(probe->at("driver")), text(probe->at("by")), span_text(from), span_text(to - from),
                       chart.kinds[kind]},
                      kind == failed);
        }
        if (device.at("first_dma_ns").is_number()) {
            const double at = device.at("first_dma_ns").get<double>();
            row.stretches.push_back({at, at, dma, chart.kinds[dma]});
        }
        if (!row.stretches.empty() && chart.rows.size() < kMostGanttRows) chart.rows.push_back(std::move(row));
    }
    chart.table = table.html();
    return chart;
}

/// `series`: of its list of stretches, by kind of who did it.
Gantt::Stretch stretch_of(const Json& one, const Json& tasks, std::size_t kind, const std::string& what) {
    return {one.at(0).get<double>(), one.at(1).get<double>(), kind,
            what + text(tasks.at(one.at(2).get<std::size_t>()))};
}

Gantt cpus_chart(const Json& series, double boot_end) {
    Gantt chart;
    chart.title = "CPUs during the boot";
    chart.description = "Which task had which CPU. Tasks of one kind of work share a colour.";
    chart.end = boot_end;
    const Json& tasks = series.at("tasks");
    // The kind of a task is its name without its number.
    const auto kind_of = [&](std::size_t task) {
        std::string kind = text(tasks.at(task));
        kind = kind.substr(0, kind.find_first_of("/:"));
        for (std::size_t i = 0; i < chart.kinds.size(); ++i) {
            if (chart.kinds[i] == kind) return i;
        }
        chart.kinds.push_back(kind);
        return chart.kinds.size() - 1;
    };
    HtmlTable table(chart.title, {"on CPU", "task", "from", "for"}, 2);
    for (const Json& cpu : series.at("cpus")) {
        Gantt::Row row;
        row.name = text(cpu.at("name"));
        for (const Json& one : cpu.at("runs")) {
            if (one.at(0).get<double>() > boot_end) break;
            row.stretches.push_back(stretch_of(one, tasks, kind_of(one.at(2).get<std::size_t>()), ""));
            if (table.size() < kMostRows)
                table.add({row.name, text(tasks.at(one.at(2).get<std::size_t>())), span_text(one.at(0)),
                           span_text(one.at(1).get<double>() - one.at(0).get<double>())});
        }
        if (!row.stretches.empty()) chart.rows.push_back(std::move(row));
    }
    chart.table = table.html();
    return chart;
}

Gantt tasks_chart(const Json& series, double boot_end) {
    Gantt chart;
    chart.title = "Tasks during the boot";
    chart.description = "When each task ran, and on which CPU; in between it slept or waited for its turn.";
    chart.end = boot_end;
    std::vector<Gantt::Row> rows;
    const Json& tasks = series.at("tasks");
    for (const Json& task : tasks) rows.push_back({text(task), {}});
    HtmlTable table(chart.title, {"of task", "CPU", "from", "for"}, 2);
    for (const Json& cpu : series.at("cpus")) {
        for (const Json& one : cpu.at("runs")) {
            if (one.at(0).get<double>() > boot_end) break;
            const std::size_t number = one.at(2).get<std::size_t>();
            tasks.at(number);  // there is one
            Gantt::Row& row = rows[number];
            row.stretches.push_back(
                {one.at(0).get<double>(), one.at(1).get<double>(), chart.kinds.size(), "on " + text(cpu.at("name"))});
            if (table.size() < kMostRows)
                table.add({row.name, text(cpu.at("name")), span_text(one.at(0)),
                           span_text(one.at(1).get<double>() - one.at(0).get<double>())});
        }
        chart.kinds.push_back(text(cpu.at("name")));
    }
    for (Gantt::Row& row : rows) {
        if (!row.stretches.empty() && chart.rows.size() < kMostGanttRows) chart.rows.push_back(std::move(row));
    }
    chart.table = table.html();
    return chart;
}

Gantt locks_chart(const Json& series, double boot_end) {
    Gantt chart;
    chart.title = "Locks that were waited for";
    chart.description = "Who held the lock, and who slept for it.";
    chart.kinds = {"held by", "waited for by"};
    chart.end = boot_end;
    const Json& tasks = series.at("tasks");
    HtmlTable table(chart.title, {"of lock", "task", "did", "from", "for"}, 3);
    for (const Json& lock : series.at("locks")) {
        Gantt::Row held;
        Gantt::Row waited;
        held.name = text(lock.at("name"));
        waited.name = held.name + ", waits";
        for (const Json& one : lock.at("spans")) {
            const bool waits = one.at(3).get<bool>();
            (waits ? waited : held)
                .stretches.push_back(stretch_of(one, tasks, waits ? 1 : 0, waits ? "waited for by " : "held by "));
            if (table.size() < kMostRows)
                table.add({held.name, text(tasks.at(one.at(2).get<std::size_t>())), waits ? "waited" : "held",
                           span_text(one.at(0)), span_text(one.at(1).get<double>() - one.at(0).get<double>())});
        }
        for (Gantt::Row* row : {&held, &waited}) {
            std::stable_sort(row->stretches.begin(), row->stretches.end(),
                             [](const auto& a, const auto& b) { return a.from < b.from; });
            if (!row->stretches.empty() && chart.rows.size() < kMostGanttRows) chart.rows.push_back(std::move(*row));
        }
    }
    chart.table = table.html();
    return chart;
}

}  // namespace

std::string boot_section(RunPage& page) {
    std::string html;
    const Gantt devices = devices_chart(page.result);
    if (!devices.rows.empty()) html += page.add(devices);
    if (page.has_series()) {
        const Json& boot_ns = page.result.at("sim").at("boot_ns");
        const Json& end = boot_ns.is_number() ? boot_ns : page.result.at("sim").at("end_ns");
        const Gantt cpus = cpus_chart(page.series, end.get<double>());
        if (!cpus.rows.empty()) html += page.add(cpus);
        const Gantt tasks = tasks_chart(page.series, end.get<double>());
        if (!tasks.rows.empty()) html += page.add(tasks);
        const Gantt locks = locks_chart(page.series, 0);
        if (!locks.rows.empty()) html += page.add(locks);
    }
    return html.empty() ? "" : heading("Boot") + html;
}

}  // namespace xlate::study
