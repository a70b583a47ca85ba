// Probe latency of each device, the longest first.
#include <algorithm>

#include "study/results/report/bar_chart.hpp"
#include "study/results/report/run_page.hpp"

namespace xlate::study {

using Json = nlohmann::ordered_json;

std::string probe_section(RunPage& page) {
    constexpr std::size_t kMostBars = 30;
    std::vector<const Json*> probed;
    for (const Json& device : page.result.at("devices")) {
        if (device.at("probe_ns").is_number()) probed.push_back(&device);
    }
    if (probed.empty()) return "";
    std::stable_sort(probed.begin(), probed.end(), [](const Json* a, const Json* b) {
        return a->at("probe_ns").get<double>() > b->at("probe_ns").get<double>();
    });
    StackedBars bars;
    bars.title = "Probe latency by device";
    bars.description =
        "From the start to the end of the last probe of a device's driver, its IOMMU's work for it included.";
    bars.of = "probe latency of";
    bars.parts = {"probe"};
    for (const Json* device : probed) {
        if (bars.bars.size() == kMostBars) break;
        const double took = device->at("probe_ns").get<double>();
        bars.bars.push_back({text(device->at("name")), {took}, text_of(Unit::ns, took)});
    }
    return page.add(bars);
}

}  // namespace xlate::study
