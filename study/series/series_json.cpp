#include "study/series/series_json.hpp"

#include <algorithm>
#include <cmath>

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

/// Four digits are more than a picture shows.
double short_number(double value) { return std::round(value * 10'000) / 10'000; }

class Columns {
public:
    Columns(const BinClock& clock, SimTime end)
        : clock_(clock), bins_(std::min(BinClock::kMost, clock.bin(end) + 1)), end_(end) {}
    std::size_t bins() const { return bins_; }

    Json counts(const Bins& bins) const {
        return each([&](std::size_t i) { return Json(bins[i]); });
    }
    /// Of a sum of time: the mean number at once.
    Json levels(const Bins& bins) const {
        return each([&](std::size_t i) { return Json(short_number(static_cast<double>(bins[i]) / width(i))); });
    }
    Json rates(const Bins& bytes) const {
        return each([&](std::size_t i) {
            return Json(std::round(static_cast<double>(bytes[i]) * static_cast<double>(kFsPerSecond) / width(i)));
        });
    }
    /// null where there is nothing to divide by. `unit`: of the part.
    Json ratios(const Bins& part, const Bins& whole, double unit = 1) const {
        return each([&](std::size_t i) {
            return whole[i] == 0
                       ? Json()
                       : Json(short_number(static_cast<double>(part[i]) / unit / static_cast<double>(whole[i])));
        });
    }

private:
    template <class F>
    Json each(F value) const {
        Json all = Json::array();
        for (std::size_t i = 0; i < bins_; ++i) all.push_back(value(i));
        return all;
    }
    /// The last one may be shorter.
    double width(std::size_t bin) const {
        const std::uint64_t from = bin * clock_.width_fs();
        const std::uint64_t to = std::min(from + clock_.width_fs(), end_.fs);
        return static_cast<double>(to > from ? to - from : clock_.width_fs());
    }
    const BinClock& clock_;
    std::size_t bins_;
    SimTime end_;
};

/// [low, high, count] of each bucket that is not empty.
Json buckets_json(const soc::Histogram& histogram) {
    Json all = Json::array();
    for (const soc::Histogram::Bucket& bucket : histogram.buckets())
        all.push_back({ns_json(bucket.low), ns_json(std::min(bucket.high, histogram.max())), bucket.count});
    return all;
}

Json masters_json(const SeriesWatch& watch, const RunFacts& facts, const Columns& columns) {
    Json all = Json::array();
    for (const soc::MasterStats& stats : facts.soc.masters) {
        const auto found = watch.masters().find(stats.device);
        if (found == watch.masters().end()) continue;
        const SeriesWatch::Master& one = found->second;
        all.push_back({{"device", stats.device},
                       {"transfers", columns.counts(one.transfers)},
                       {"faults", columns.counts(one.faults)},
                       {"bytes_per_s", columns.rates(one.bytes)},
                       {"outstanding", columns.levels(one.outstanding)},
                       {"latency_ns", columns.ratios(one.latency_fs, one.transfers, kFsPerNs)},
                       {"latency_buckets", buckets_json(stats.latency)}});
    }
    return all;
}

/// As the IOMMU ran with: its family's preset, and what the config says of it.
std::uint32_t walk_slots(const Config& config, const soc::IommuStats& iommu) {
    const iommu::Family* const family = iommu::find_family(iommu.arch);
    const bool own_preset = family != nullptr && family->timing != nullptr;
    return iommu_config(config, iommu.path, own_preset ? std::string(family->timing->name) : IommuConfig{}.preset)
        .params.tcu.walk_slots;
}

Json iommus_json(const SeriesWatch& watch, const RunFacts& facts, const Columns& columns) {
    Json all = Json::array();
    const bool steps_seen = facts.config.soc.fidelity == soc::Fidelity::exact;
    for (const soc::IommuStats& stats : facts.soc.iommus) {
        const auto found = watch.iommus().find(stats.name);
        if (found == watch.iommus().end()) continue;
        const SeriesWatch::Iommu& one = found->second;
        Json json = {{"name", stats.name}};
        if (steps_seen) {
            json["translations"] = columns.counts(one.translations);
            json["tlb_hits"] = columns.ratios(one.hits, one.translations);
            json["in_flight"] = columns.levels(one.in_flight);
        }
        json["walk_slots"] = walk_slots(facts.config, stats);
        json["walks"] = columns.counts(one.walks);
        json["walking"] = columns.levels(one.walking);
        json["walk_cache_hits"] = columns.ratios(one.walk_hits, one.walk_lookups);
        json["commands"] = columns.counts(one.commands);
        json["command_queue_busy"] = columns.levels(one.command_time);
        json["latency_buckets"] = buckets_json(stats.translation);
        json["walk_buckets"] = buckets_json(stats.walk);
        json["sync_buckets"] = buckets_json(stats.sync);
        all.push_back(std::move(json));
    }
    return all;
}

Json memories_json(const SeriesWatch& watch, const RunFacts& facts, const Columns& columns) {
    Json all = Json::array();
    const soc::MemoryParams& params = facts.config.soc.memory;
    for (const auto& [name, one] : watch.memories()) {
        all.push_back({{"name", name},
                       {"peak_bytes_per_s", params.peak_bytes_per_s() / std::max(params.channels, 1U)},
                       {"accesses", columns.counts(one.accesses)},
                       {"bytes_per_s", columns.rates(one.bytes)},
                       {"in_flight", columns.levels(one.in_flight)}});
    }
    return all;
}

Json stretches_json(const std::vector<SeriesWatch::Stretch>& stretches, bool of_lock) {
    Json all = Json::array();
    for (const SeriesWatch::Stretch& one : stretches) {
        Json json = {ns_json(one.from), ns_json(one.to), one.task};
        if (of_lock) json.push_back(one.waited);
        all.push_back(std::move(json));
    }
    return all;
}

/// Of the locks those that a task slept for.
Json locks_json(const SeriesWatch& watch, const Columns& columns) {
    Json all = Json::array();
    for (const auto& [name, one] : watch.locks()) {
        if (one.waits == 0) continue;
        all.push_back({{"name", name},
                       {"waits", one.waits},
                       {"waiting", columns.levels(one.waiting)},
                       {"spans", stretches_json(one.spans, true)},
                       {"more", one.more}});
    }
    return all;
}

Json array_of(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }

Json object_of(const std::vector<std::pair<const char*, Json>>& members, const std::vector<std::string>& optional) {
    Json schema = {{"type", "object"}, {"additionalProperties", false}};
    for (const auto& [key, type] : members) {
        schema["properties"][key] = type;
        if (std::find(optional.begin(), optional.end(), key) == optional.end()) schema["required"].push_back(key);
    }
    return schema;
}

}  // namespace

Json series_json(const SeriesWatch& watch, const RunFacts& facts) {
    const Columns columns(watch.clock(), watch.end());
    Json series = {{"schema", "xlate.series/1"}, {"name", facts.config.name}};
    series["bin_ns"] = ns_json({watch.clock().width_fs()});
    series["bins"] = columns.bins();
    series["end_ns"] = ns_json(watch.end());
    series["beyond"] = watch.beyond();
    series["masters"] = masters_json(watch, facts, columns);
    series["iommus"] = iommus_json(watch, facts, columns);
    series["memories"] = memories_json(watch, facts, columns);
    series["tasks"] = watch.tasks();
    Json& cpus = series["cpus"] = Json::array();
    for (const auto& [number, one] : watch.cpus()) {
        cpus.push_back({{"name", "cpu" + std::to_string(number)},
                        {"busy", columns.levels(one.busy)},
                        {"runs", stretches_json(one.runs, false)},
                        {"more", one.more}});
    }
    series["locks"] = locks_json(watch, columns);
    return series;
}

std::string series_schema() {
    const Json number = {{"type", "number"}};
    const Json integer = {{"type", "integer"}};
    const Json text = {{"type", "string"}};
    const Json numbers = array_of(number);
    const Json counts = array_of(integer);
    const Json shares = array_of({{"type", {"number", "null"}}});
    const Json rows = array_of(array_of({{"type", {"number", "boolean"}}}));
    Json schema = object_of(
        {{"schema", {{"const", "xlate.series/1"}}},
         {"name", text},
         {"bin_ns", number},
         {"bins", integer},
         {"end_ns", number},
         {"beyond", integer},
         {"masters", array_of(object_of({{"device", text},
                                         {"transfers", counts},
                                         {"faults", counts},
                                         {"bytes_per_s", numbers},
                                         {"outstanding", numbers},
                                         {"latency_ns", shares},
                                         {"latency_buckets", rows}},
                                        {}))},
         {"iommus", array_of(object_of({{"name", text},
                                        {"translations", counts},
                                        {"tlb_hits", shares},
                                        {"in_flight", numbers},
                                        {"walk_slots", integer},
                                        {"walks", counts},
                                        {"walking", numbers},
                                        {"walk_cache_hits", shares},
                                        {"commands", counts},
                                        {"command_queue_busy", numbers},
                                        {"latency_buckets", rows},
                                        {"walk_buckets", rows},
                                        {"sync_buckets", rows}},
                                       {"translations", "tlb_hits", "in_flight"}))},
         {"memories", array_of(object_of({{"name", text},
                                          {"peak_bytes_per_s", integer},
                                          {"accesses", counts},
                                          {"bytes_per_s", numbers},
                                          {"in_flight", numbers}},
                                         {}))},
         {"tasks", array_of(text)},
         {"cpus", array_of(object_of({{"name", text}, {"busy", numbers}, {"runs", rows}, {"more", integer}}, {}))},
         {"locks",
          array_of(object_of(
              {{"name", text}, {"waits", integer}, {"waiting", numbers}, {"spans", rows}, {"more", integer}}, {}))}},
        {});
    Json whole = {{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "xlate.series/1"}};
    whole.update(schema);
    return whole.dump(2) + "\n";
}

}  // namespace xlate::study
