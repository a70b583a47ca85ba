// The SoC of a run, drawn.
#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "study/results/numbers.hpp"
#include "study/results/report/html.hpp"
#include "study/results/report/run_page.hpp"
#include "study/results/report/soc_drawing.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostDrawn = 24;

/// The stretches from the first to the last in which a master had something in flight.
std::pair<std::size_t, std::size_t> busy_time(const Json& series) {
    std::size_t from = series.at("bins").get<std::size_t>();
    std::size_t to = 0;
    for (const Json& master : series.at("masters")) {
        const std::vector<double> all = numbers(master.at("outstanding"));
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (all[i] <= 0) continue;
            from = std::min(from, i);
            to = std::max(to, i + 1);
        }
    }
    return {from, to};
}

double mean_of(const Json& list, std::pair<std::size_t, std::size_t> bins) {
    const std::vector<double> all = numbers(list);
    double sum = 0;
    for (std::size_t i = bins.first; i < bins.second && i < all.size(); ++i) sum += all[i];
    return bins.second > bins.first ? sum / static_cast<double>(bins.second - bins.first) : 0;
}

/// The fullest of the resources of `component`, which goes by the beginning of its name; nothing without resources[].
void load_by_resources(const Json& result, std::string_view component, SocDrawing::Part& part) {
    if (!result.contains("resources")) return;
    part.load = std::max(part.load, 0.0);
    for (const Json& one : result.at("resources")) {
        const auto kind = text(one.at("kind"));
        if (text(one.at("component")).rfind(component, 0) != 0 || kind == "registers" || kind == "drain") continue;
        const double load = std::max(one.at("busy_share").get<double>(), one.at("full_share").get<double>());
        if (load <= part.load) continue;
        part.load = load;
        part.load_is = "of " + resource_words(kind);
        if (!text(one.at("part")).empty()) part.load_is += " " + text(one.at("part"));
    }
}

void add_masters(const Json& result, SocDrawing& soc) {
    std::vector<const Json*> all;
    for (const Json& master : result.at("masters")) all.push_back(&master);
    std::stable_sort(all.begin(), all.end(), [](const Json* a, const Json* b) {
        return a->at("bandwidth_bytes_per_s").get<double>() > b->at("bandwidth_bytes_per_s").get<double>();
    });
    if (all.size() > kMostDrawn) all.resize(kMostDrawn);
    for (const Json* master : all) {
        SocDrawing::Master one;
        one.name = text(master->at("device"));
        one.says = rate_text(master->at("bandwidth_bytes_per_s").get<double>());
        if (master->contains("limited_by")) {
            one.load = master->at("limited_by").at("share").get<double>();
            one.load_is = "of " + text(master->at("limited_by").at("resource"));
        }
        for (const Json& device : result.at("devices")) {
            if (device.at("name") != one.name || device.at("iommu").is_null() || device.at("group").is_null()) continue;
            for (std::size_t i = 0; i < soc.iommus.size(); ++i) {
                if (soc.iommus[i].name == text(device.at("iommu"))) one.iommu = i;
            }
        }
        soc.masters.push_back(std::move(one));
    }
}

}  // namespace

std::string soc_section(RunPage& page) {
    const Json& result = page.result;
    if (result.at("masters").empty()) return "";
    SocDrawing soc;
    soc.title = "The SoC and its load";
    soc.description =
        "Masters, the IOMMU that stands before each, the interconnect and memory. Load of a master: how full the "
        "resource is "
        "that bounds it. Of an IOMMU and the interconnect: the fullest of its resources. Of memory: its bandwidth. Of "
        "a CPU: "
        "its time.";
    std::pair<std::size_t, std::size_t> bins;
    if (page.has_series()) bins = busy_time(page.series);
    for (const Json& iommu : result.at("iommus")) {
        SocDrawing::Part one;
        one.name = text(iommu.at("name"));
        one.says = "TLB hits " + percent_text(iommu.at("tlb").at("hits").get<std::uint64_t>(),
                                              iommu.at("tlb").at("lookups").get<std::uint64_t>());
        load_by_resources(result, one.name, one);
        if (iommu.at("translations") != 0 || result.at("iommus").size() <= kMostDrawn) soc.iommus.push_back(one);
    }
    add_masters(result, soc);
    soc.interconnect.name = "interconnect";
    load_by_resources(result, "crossbar", soc.interconnect);
    load_by_resources(result, "network", soc.interconnect);
    if (page.has_series()) {
        for (const Json& memory : page.series.at("memories")) {
            SocDrawing::Part one;
            one.name = text(memory.at("name"));
            const double rate = mean_of(memory.at("bytes_per_s"), bins);
            one.says = rate_text(rate);
            const double peak = memory.at("peak_bytes_per_s").get<double>();
            if (peak > 0) one.load = std::min(1.0, rate / peak);
            one.load_is = "of its bandwidth";
            soc.memories.push_back(std::move(one));
        }
        for (const Json& cpu : page.series.at("cpus")) {
            if (soc.cpus.size() == 6) break;
            SocDrawing::Part one;
            one.name = text(cpu.at("name"));
            one.load = std::min(1.0, mean_of(cpu.at("busy"), {0, page.series.at("bins").get<std::size_t>()}));
            one.says = fmt::format("busy {:.0f} %", one.load * 100);
            one.load_is = "of its time";
            soc.cpus.push_back(std::move(one));
        }
    }
    if (soc.memories.empty()) {
        SocDrawing::Part memory;
        memory.name = "memory";
        soc.memories.push_back(memory);
    }
    std::string html = heading("The SoC") + page.add(soc);
    if (result.at("masters").size() > kMostDrawn)
        html += fmt::format("<p class=\"dim\">The {} masters with most bandwidth of {}</p>\n", kMostDrawn,
                            result.at("masters").size());
    return html;
}

}  // namespace xlate::study
