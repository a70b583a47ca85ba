#include "study/calibrate/calibrate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "study/calibrate/trace_calls.hpp"
#include "study/config/parameters.hpp"
#include "study/results/numbers.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostBytes = std::size_t{256} << 20;
constexpr std::int64_t kNoDevice = -19;          // -ENODEV: no IOMMU for it
constexpr double kDeviationOfQuartiles = 1.349;  // of a normal distribution: between its quartiles

InputError wrong(const std::string& file, std::string what, std::string expected = {}) {
    return InputError(Diagnostic{{file, {}, {}, {}}, "", std::move(what), std::move(expected), ""});
}

std::string read_all(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    std::string text;
    std::array<char, 65536> piece{};  // devices and pipes have no size
    while (stream && text.size() <= kMostBytes) {
        stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        text.append(piece.data(), static_cast<std::size_t>(stream.gcount()));
    }
    if (!stream.is_open() || stream.bad()) throw wrong(file, "cannot be read", "the text of a trace");
    if (text.size() > kMostBytes)
        throw InputError(Diagnostic{{file, {}, {}, {}}, "", "is larger than 256 MiB", "a trace of one boot", ""},
                         ExitStatus::limit);
    return text;
}

/// The value below which a share of them is; `values` are sorted.
double quantile(const std::vector<double>& values, double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (values[above] - values[below]) * (place - static_cast<double>(below));
}

/// A cost, and what a trace says of it: the first that the trace has.
struct Source {
    const char* from;  ///< in words
    std::function<std::vector<double>(const TraceCalls&)> values;
};
struct Cost {
    const char* key;
    std::vector<Source> sources;
};

std::function<std::vector<double>(const TraceCalls&)> calls_of(std::vector<std::string> names) {
    return [names = std::move(names)](const TraceCalls& trace) {
        std::vector<double> values;
        for (const TraceCall& call : trace.calls) {
            if (std::find(names.begin(), names.end(), call.function) != names.end())
                values.push_back(static_cast<double>(call.duration_ns));
        }
        return values;
    };
}

/// From one moment to the next within iommu_probe_device.
std::function<std::vector<double>(const TraceCalls&)> between(const char* previous, const char* event) {
    return [previous, event](const TraceCalls& trace) {
        std::vector<double> values;
        for (const TraceMoment& moment : trace.moments) {
            if (moment.event == event && moment.previous == previous && moment.within == "iommu_probe_device")
                values.push_back(static_cast<double>(moment.since_previous_ns));
        }
        return values;
    };
}

/// From iommu_fwspec_init to the ids of its first provider, and from one provider to the next: one entry each.
std::function<std::vector<double>(const TraceCalls&)> entries(bool acpi) {
    return [acpi](const TraceCalls& trace) {
        std::vector<double> values;
        if (trace.acpi != acpi) return values;
        for (const TraceMoment& moment : trace.moments) {
            const bool behind = moment.previous == "iommu_fwspec_init" || moment.previous == "iommu_fwspec_add_ids";
            if (moment.event == "iommu_fwspec_add_ids" && behind)
                values.push_back(static_cast<double>(moment.since_previous_ns));
        }
        return values;
    };
}

std::vector<double> refused_probes(const TraceCalls& trace) {
    std::vector<double> values;
    for (const TraceCall& call : trace.calls) {
        const bool probe = call.function == "iommu_probe_device" || call.function == "__iommu_probe_device";
        if (probe && call.returned == kNoDevice) values.push_back(static_cast<double>(call.duration_ns));
    }
    return values;
}

std::vector<Cost> costs() {
    return {
        {"lock", {{"mutex_lock, mutex_unlock", calls_of({"mutex_lock", "mutex_unlock"})}}},
        {"kmalloc",
         {{"kmalloc", calls_of({"__kmalloc", "kmalloc_trace", "__kmalloc_noprof", "__kmalloc_cache_noprof",
                                "kmalloc_trace_noprof", "kmem_cache_alloc_trace"})}}},
        {"kfree", {{"kfree", calls_of({"kfree"})}}},
        {"ops_lookup", {{"iommu_ops_from_fwnode", calls_of({"iommu_ops_from_fwnode", "iommu_device_from_fwnode"})}}},
        {"parse_iommus_entry",
         {{"of_iommu_xlate", calls_of({"of_iommu_xlate"})},
          {"iommu_fwspec_init to iommu_fwspec_add_ids, and from entry to entry", entries(false)}}},
        {"iommu_map_lookup", {{"of_map_id", calls_of({"of_map_id"})}}},
        {"iort_lookup",
         {{"iort_iommu_xlate", calls_of({"iort_iommu_xlate"})},
          {"iommu_fwspec_init to iommu_fwspec_add_ids, and from id to id", entries(true)}}},
        {"group_creation",
         {{"iommu_group_alloc_device, iommu_group_add_device",
           calls_of({"iommu_group_alloc_device", "iommu_group_add_device"})},
          {"entry of iommu_probe_device to add_device_to_group", between("", "add_device_to_group")}}},
        {"domain_allocation",
         {{"iommu_domain_alloc",
           calls_of({"__iommu_domain_alloc", "iommu_domain_alloc", "__iommu_paging_domain_alloc_flags"})},
          {"add_device_to_group to attach_device_to_domain",
           between("add_device_to_group", "attach_device_to_domain")}}},
        {"failed_probe", {{"iommu_probe_device that returns -19", refused_probes}}},
        {"pci_config_write",
         {{"pci_write_config_*",
           calls_of({"pci_write_config_byte", "pci_write_config_word", "pci_write_config_dword"})}}},
    };
}

Json cost_json(const Cost& cost, const Source& source, std::vector<double> values, bool whole_microseconds) {
    std::sort(values.begin(), values.end());
    const double median = quantile(values, 0.5);
    const double low = quantile(values, 0.25);
    const double high = quantile(values, 0.75);
    std::string note;
    if (whole_microseconds && median < 10'000) note = "the trace counts in whole microseconds";
    if (values.size() < 5) note += fmt::format("{}only {} of them", note.empty() ? "" : "; ", values.size());
    return {{"key", cost.key},
            {"ns", std::llround(median)},
            {"count", values.size()},
            {"quartiles_ns", {std::llround(low), std::llround(high)}},
            {"error", median <= 0 ? 1.0 : std::round((high - low) / 2 / median * 1000) / 1000},
            {"from", source.from},
            {"note", note}};
}

const Json* cost_of(const Json& all, const char* key) {
    for (const Json& one : all) {
        if (one.at("key") == key) return &one;
    }
    return nullptr;
}

/// Calls that bound a device, against what the fitted costs say they take.
Json check_of(const TraceCalls& trace, const Json& fitted) {
    std::vector<double> whole;
    for (const TraceCall& call : trace.calls) {
        if (call.function == "iommu_probe_device" && call.returned == 0)
            whole.push_back(static_cast<double>(call.duration_ns));
    }
    const Json* const group = cost_of(fitted, "group_creation");
    const Json* const domain = cost_of(fitted, "domain_allocation");
    if (whole.empty() || group == nullptr || domain == nullptr) return nullptr;
    std::sort(whole.begin(), whole.end());
    const double measured = quantile(whole, 0.5);
    const double sum = group->at("ns").get<double>() + domain->at("ns").get<double>();
    return {{"what", "iommu_probe_device that makes a group and its domain"},
            {"count", whole.size()},
            {"measured_ns", std::llround(measured)},
            {"fitted_ns", std::llround(sum)},
            {"error", measured <= 0 ? 1.0 : std::round(std::fabs(sum - measured) / measured * 1000) / 1000}};
}

Json probes_of(const TraceCalls& trace) {
    std::map<std::string, std::vector<double>> by_driver;
    for (const TraceCall& call : trace.calls) {
        if (call.function == "really_probe" && call.returned == 0 && !call.driver.empty())
            by_driver[call.driver].push_back(static_cast<double>(call.duration_ns));
    }
    Json all = Json::array();
    for (auto& [driver, values] : by_driver) {
        std::sort(values.begin(), values.end());
        all.push_back({{"driver", driver},
                       {"count", values.size()},
                       {"median_ns", std::llround(quantile(values, 0.5))},
                       {"least_ns", std::llround(values.front())},
                       {"most_ns", std::llround(values.back())}});
    }
    return all;
}

/// The median of the costs' deviations, each as a share of the cost: by their quartiles, so that outliers do not count.
double spread_of(const Json& fitted) {
    std::vector<double> shares;
    for (const Json& one : fitted) {
        if (one.at("count").get<std::size_t>() >= 5)
            shares.push_back(one.at("error").get<double>() * 2 / kDeviationOfQuartiles);
    }
    if (shares.empty()) return 0;
    std::sort(shares.begin(), shares.end());
    return std::min(1.0, std::round(quantile(shares, 0.5) * 100) / 100);
}

}  // namespace

Json calibrate(const std::string& file) {
    const std::string text = read_all(file);
    const TraceCalls trace = read_trace(text);
    if (trace.lines == 0)
        throw wrong(file, "has no events of a trace",
                    "lines of ftrace: kprobe events with their returns, or function_graph");
    Json fitted = Json::array();
    for (const Cost& cost : costs()) {
        for (const Source& source : cost.sources) {
            std::vector<double> values = source.values(trace);
            if (values.empty()) continue;
            fitted.push_back(cost_json(cost, source, std::move(values), trace.whole_microseconds));
            break;
        }
    }
    if (fitted.empty())
        throw wrong(file, fmt::format("its {} events say nothing of a step that has a cost", trace.lines),
                    "iommu_probe_device, iommu_fwspec_init, iommu_fwspec_add_ids, of_iommu_xlate, kmalloc, ...");
    return {{"schema", "xlate.calibration/1"},
            {"source", file},
            {"sha256", sha256_text(text)},
            {"lines", trace.lines},
            {"unfinished", trace.unfinished},
            {"emulated", trace.emulated},
            {"costs", fitted},
            {"cost_spread", spread_of(fitted)},
            {"check", check_of(trace, fitted)},
            {"probes", probes_of(trace)}};
}

std::string calibration_yaml(const Json& calibration) {
    std::string text =
        fmt::format("# Costs of kernel steps, fitted to {}\n# (sha256 {}, {} events) by xlate calibrate.\n",
                    printable(calibration.at("source").get<std::string>()),
                    calibration.at("sha256").get<std::string>().substr(0, 16), calibration.at("lines").dump());
    if (const auto emulated = calibration.at("emulated").get<std::string>(); !emulated.empty())
        text += fmt::format("# Recorded under emulation ({}): these times are rough, and no machine's.\n", emulated);
    if (const Json& check = calibration.at("check"); !check.is_null())
        text += fmt::format("# Check: {}, {} calls: {} recorded, {} by these costs ({:.1f} % off).\n",
                            check.at("what").get<std::string>(), check.at("count").dump(),
                            span_text(check.at("measured_ns").get<double>()),
                            span_text(check.at("fitted_ns").get<double>()), check.at("error").get<double>() * 100);
    text += "kernel:\n  costs:\n";
    for (const Json& one : calibration.at("costs")) {
        const auto ns = one.at("ns").get<std::uint64_t>();
        const auto note = one.at("note").get<std::string>();
        text +=
            fmt::format("    {}: {}  # {}: {} of them, half within ± {:.0f} %{}\n", one.at("key").get<std::string>(),
                        format_time({ns * kFsPerNs}), one.at("from").get<std::string>(), one.at("count").dump(),
                        one.at("error").get<double>() * 100, note.empty() ? "" : "; " + note);
    }
    text += fmt::format("  cost_spread: {:.0f}%  # how much a cost varies: the middle of the above\n",
                        calibration.at("cost_spread").get<double>() * 100);
    if (!calibration.at("probes").empty()) text += "# Probe latency by driver, as recorded:\n";
    for (const Json& one : calibration.at("probes"))
        text +=
            fmt::format("#   {:<24} {} (from {} to {}, {} devices)\n", printable(one.at("driver").get<std::string>()),
                        span_text(one.at("median_ns").get<double>()), span_text(one.at("least_ns").get<double>()),
                        span_text(one.at("most_ns").get<double>()), one.at("count").dump());
    return text;
}

}  // namespace xlate::study
