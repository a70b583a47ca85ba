#include "study/results/result.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/digest.hpp"
#include "study/results/limited_by.hpp"
#include "study/results/untranslated.hpp"
#include "study/run/model_version.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;
using kernel::ReportKind;

Json fs_json(std::uint64_t fs) { return static_cast<double>((fs + 500) / 1000) / 1000.0; }

const char* name(soc::Outcome outcome) {
    switch (outcome) {
        case soc::Outcome::finished:
            return "finished";
        case soc::Outcome::time_limit:
            return "time_limit";
        case soc::Outcome::event_limit:
            return "event_limit";
        case soc::Outcome::interrupted:
            return "interrupted";
    }
    return "finished";
}

Json histogram_json(const soc::Histogram& histogram) {
    return {{"mean", ns_json(histogram.mean())},
            {"min", ns_json(histogram.min())},
            {"p50", ns_json(histogram.quantile(50, 100))},
            {"p90", ns_json(histogram.quantile(90, 100))},
            {"p99", ns_json(histogram.quantile(99, 100))},
            {"p999", ns_json(histogram.quantile(999, 1000))},
            {"max", ns_json(histogram.max())}};
}

Json lookups_json(const soc::LookupStats& stats) { return {{"lookups", stats.lookups}, {"hits", stats.hits}}; }

Json atc_json(const soc::AtcStats& atc) {
    Json one{{"enabled", atc.enabled},   {"lookups", atc.cache.lookups},      {"hits", atc.cache.hits},
             {"requests", atc.requests}, {"translated", atc.translated},      {"refused", atc.refused},
             {"denied", atc.denied},     {"invalidations", atc.invalidations}};
    if (atc.page_requests != 0) {
        one["page_requests"] = atc.page_requests;
        one["pages_granted"] = atc.pages_granted;
        one["pages_refused"] = atc.pages_refused;
    }
    return one;
}

const soc::MasterStats* find_master(const soc::SocStats& stats, const std::string& device) {
    for (const soc::MasterStats& master : stats.masters) {
        if (master.device == device) return &master;
    }
    return nullptr;
}

Json devices_json(const RunFacts& facts) {
    Json all = Json::array();
    for (const kernel::DeviceResult& device : facts.boot.devices()) {
        Json one = {{"name", device.name}, {"path", device.path}, {"bus", device.bus}};
        one["driver"] = device.driver.empty() ? Json() : Json(device.driver);
        one["state"] = device.state;
        one["iommu"] = device.iommu.empty() ? Json() : Json(device.iommu);
        one["ids"] = device.ids;
        one["group"] = device.group ? Json(*device.group) : Json();
        one["domain"] = std::string(kernel::name(device.domain));
        one["probe_ns"] =
            device.probe_start && device.probe_end ? ns_json(*device.probe_end - *device.probe_start) : Json();
        const soc::MasterStats* master = find_master(facts.soc, device.name);
        one["first_dma_ns"] = master != nullptr && master->issued != 0 ? ns_json(master->first_issue) : Json();
        all.push_back(std::move(one));
    }
    return all;
}

Json groups_json(const RunFacts& facts) {
    Json all = Json::array();
    for (const kernel::GroupResult& group : facts.boot.groups()) {
        Json one = {{"id", group.id}, {"type", std::string(kernel::name(group.type))}, {"devices", group.devices}};
        // Where there is nothing but the doorbell window of user space's drivers, there is nothing to say.
        const bool of_firmware =
            std::any_of(group.reserved_regions.begin(), group.reserved_regions.end(),
                        [](const auto& region) { return region.kind != kernel::ReservedRegion::Kind::sw_msi; });
        if (of_firmware) {
            Json& regions = one["reserved_regions"] = Json::array();
            for (const kernel::ReservedRegion& region : group.reserved_regions) {
                regions.push_back({{"start", region.start},
                                   {"end", region.start + region.length - 1},
                                   {"type", std::string(kernel::name(region.kind))}});
            }
        }
        all.push_back(std::move(one));
    }
    return all;
}

Json untranslated_json(const RunFacts& facts) {
    Json all = Json::array();
    for (const Untranslated& one : untranslated_masters(facts))
        all.push_back({{"device", one.device}, {"path", one.path}, {"kind", one.kind}, {"why", one.why}});
    return all;
}

Json iommus_json(const RunFacts& facts) {
    const std::vector<kernel::IommuResult> registered = facts.boot.iommus();
    Json all = Json::array();
    for (const soc::IommuStats& iommu : facts.soc.iommus) {
        // The first TLB that translations come to: an IOMMU of one port may have no other than the core's.
        const std::uint64_t of_ports = iommu.micro_tlb.lookups != 0 ? iommu.micro_tlb.lookups : iommu.main_tlb.lookups;
        const soc::LookupStats any{of_ports != 0 ? of_ports : iommu.tcu_tlb.lookups,
                                   iommu.micro_tlb.hits + iommu.main_tlb.hits + iommu.tcu_tlb.hits};
        Json one = {{"name", iommu.name}, {"path", iommu.path}, {"arch", iommu.arch}};
        one["translations"] = iommu.translations;
        one["bypassed"] = iommu.bypassed;
        one["faults"] = iommu.faults;
        one["tlb"] = lookups_json(any);
        one["micro_tlb"] = lookups_json(iommu.micro_tlb);
        one["main_tlb"] = lookups_json(iommu.main_tlb);
        one["tcu_tlb"] = lookups_json(iommu.tcu_tlb);
        one["config_cache"] = lookups_json(iommu.config_cache);
        one["walk_cache"] = lookups_json(iommu.walk_cache);
        one["merged"] = iommu.merged;
        if (iommu.prefetches != 0) one["prefetches"] = iommu.prefetches;
        if (iommu.merged_walks != 0) one["merged_walks"] = iommu.merged_walks;
        if (iommu.ats_requests != 0) {
            one["ats_requests"] = iommu.ats_requests;
            one["ats_translated"] = iommu.ats_translated;
        }
        if (iommu.atc_invalidations != 0) {
            one["atc_invalidations"] = iommu.atc_invalidations;
            one["atc_timeouts"] = iommu.atc_timeouts;
        }
        if (iommu.page_requests != 0) {
            one["page_requests"] = iommu.page_requests;
            one["page_requests_answered"] = iommu.page_requests_answered;
        }
        one["walks"] = iommu.walks;
        one["walk_reads"] = iommu.walk_reads;
        for (const char* key : {"ste_fetches", "cd_fetches"}) {
            if (iommu.has_counter(key)) one[key] = iommu.counter(key);
        }
        one["config_reads"] = iommu.counter("config_reads");
        one["commands"] = iommu.commands;
        one["syncs"] = iommu.syncs;
        one["events"] = iommu.counter("events");
        one["register_reads"] = iommu.register_reads;
        one["register_writes"] = iommu.register_writes;
        Json& structures = one["structures"] = Json::object();
        for (const auto& [name, lookups] : iommu.structures) structures[name] = lookups_json(lookups);
        one["counters"] = Json::object();
        for (const auto& [name, value] : iommu.counters) one["counters"][name] = value;
        one["latency_ns"] = histogram_json(iommu.translation);
        one["walk_ns"] = histogram_json(iommu.walk);
        one["sync_ns"] = histogram_json(iommu.sync);
        const auto driver = std::find_if(registered.begin(), registered.end(),
                                         [&](const kernel::IommuResult& r) { return r.device == iommu.name; });
        one["driver"] = driver == registered.end() ? Json() : Json(driver->driver);
        one["members"] = driver == registered.end() ? Json::array() : Json(driver->members);
        all.push_back(std::move(one));
    }
    return all;
}

double three_digits(double share) { return std::round(share * 1000) / 1000; }

/// masters[].steady and masters[].warmup_left_out.
void add_steadiness(const SteadyWatch& watch, const soc::MasterStats& master, Json& one) {
    if (watch.left_out(master.device) != 0) one["warmup_left_out"] = watch.left_out(master.device);
    const Steadiness steady = watch.steadiness(master.device);
    Json& json = one["steady"] = {{"method", "batch means"},
                                  {"batches", steady.batches},
                                  {"batch_transactions", steady.batch_transactions},
                                  {"settled", steady.settled ? Json(*steady.settled) : Json()}};
    if (!steady.settled) return;
    json["half_width"] = three_digits(steady.half_width);
    json["start"] = three_digits(steady.start);
    json["trend"] = three_digits(steady.trend);
    if (*steady.settled) return;
    json["longer"] = steady.longer;
    if (steady.leave_out != 0) json["leave_out"] = steady.leave_out;
}

Json masters_json(const RunFacts& facts) {
    Json all = Json::array();
    for (const soc::MasterStats& master : facts.soc.masters) {
        Json one = {{"device", master.device}, {"started", master.started}, {"issued", master.issued},
                    {"reads", master.reads},   {"writes", master.writes},   {"bytes", master.bytes},
                    {"faults", master.faults}};
        if (master.messages != 0) one["messages"] = master.messages;
        SimTime from = master.first_issue;
        if (facts.steady != nullptr) from = facts.steady->measured_from(master.device).value_or(from);
        const SimTime span = master.last_completion > from ? master.last_completion - from : SimTime{};
        one["bandwidth_bytes_per_s"] = rate_per_second(master.bytes, span);
        for (const TrafficConfig& traffic : facts.config.traffic) {
            if (traffic.device == master.device && traffic.rate_bytes_per_s != 0)
                one["asked_bytes_per_s"] = traffic.rate_bytes_per_s;
        }
        if (facts.ends != nullptr && facts.ends->ended_by(master.device) != nullptr)
            one["ended_by"] = facts.ends->ended_by(master.device);
        if (master.atc) one["atc"] = atc_json(*master.atc);
        one["latency_ns"] = histogram_json(master.latency);
        const std::uint64_t count = std::max<std::uint64_t>(master.latency.count(), 1);
        std::array<std::uint64_t, soc::kGroups> groups{};
        Json parts = Json::object();
        for (std::size_t i = 0; i < soc::kParts; ++i) {
            const auto part = static_cast<soc::Part>(i);
            groups[static_cast<std::size_t>(soc::group_of(part))] += master.parts_fs[i];
            if (master.parts_fs[i] != 0) parts[soc::name(part)] = fs_json(master.parts_fs[i] / count);
        }
        Json& breakdown = one["breakdown_ns"] = Json::object();
        for (std::size_t i = 0; i < soc::kGroups; ++i)
            breakdown[soc::name(static_cast<soc::Group>(i))] = fs_json(groups[i] / count);
        one["parts_ns"] = std::move(parts);
        if (facts.steady != nullptr && master.issued != 0) {
            add_steadiness(*facts.steady, master, one);
            const LimitedBy limit = limited_by(facts, static_cast<std::size_t>(&master - facts.soc.masters.data()));
            if (!limit.resource.empty())
                one["limited_by"] = {{"resource", limit.resource}, {"share", three_digits(limit.share)}};
        }
        all.push_back(std::move(one));
    }
    return all;
}

Json faults_json(const RunFacts& facts) {
    Json all = Json::array();
    for (const soc::FaultRecord& fault : facts.soc.faults) {
        all.push_back({{"time_ns", ns_json(fault.time)},
                       {"iommu", fault.iommu},
                       {"id", fault.id},
                       {"iova", fault.iova},
                       {"reason", fault.reason},
                       {"device", fault.device}});
    }
    return all;
}

Json report_json(const kernel::Report& report) {
    return {{"kind", std::string(kernel::name(report.kind))},
            {"what", report.what},
            {"where", report.place.text()},
            {"device", report.device},
            {"time_ns", ns_json(report.time)},
            {"after_crash", report.after_crash},
            {"text", report.text()}};
}

Json timeline_json(const kernel::EventLog& log) {
    Json all = Json::array();
    for (const kernel::Event& event : log.events()) {
        Json one = {
            {"t_ns", ns_json(event.time)}, {"event", std::string(kernel::name(event.kind))}, {"device", event.device}};
        const bool has_result =
            event.kind == kernel::EventKind::driver_probe || event.kind == kernel::EventKind::iommu_probe_device;
        if (event.kind == kernel::EventKind::driver_probe) one["driver"] = event.driver;
        if (event.kind == kernel::EventKind::fwspec_add_ids) one["ids"] = event.ids;
        if (event.group) one["group"] = *event.group;
        if (has_result) {
            one["ret"] = event.ret ? Json(*event.ret) : Json();
            one["t_end_ns"] = event.t_end ? ns_json(*event.t_end) : Json();
        }
        one["by"] = event.by;
        if (event.kind == kernel::EventKind::iommu_probe_device) one["caller"] = event.caller;
        all.push_back(std::move(one));
    }
    return all;
}

Json kernel_json(const RunFacts& facts) {
    Json oops = Json::array();
    Json lockdep = Json::array();
    Json races = Json::array();
    Json warnings = Json::array();
    for (const kernel::Report& report : facts.kernel.reports.all()) {
        switch (report.kind) {
            case ReportKind::lock_inversion:
            case ReportKind::lockdep_assert:
                lockdep.push_back(report_json(report));
                break;
            case ReportKind::data_race:
                races.push_back(report_json(report));
                break;
            case ReportKind::warning:
            case ReportKind::leak:
            case ReportKind::semantic:
                warnings.push_back(report_json(report));
                break;
            case ReportKind::null_dereference:
            case ReportKind::use_after_free:
            case ReportKind::double_free:
            case ReportKind::self_deadlock:
            case ReportKind::deadlock:
            case ReportKind::refcount_underflow:
            case ReportKind::hung_task:
            case ReportKind::bug:
                oops.push_back(report_json(report));
                break;
        }
    }
    std::uint64_t deferred = 0;
    for (const kernel::DeviceResult& device : facts.boot.devices()) deferred += device.state == "deferred" ? 1 : 0;
    std::uint64_t deferrals = 0;
    for (const kernel::Event& event : facts.kernel.events.events()) {
        deferrals += event.kind == kernel::EventKind::driver_probe && event.ret == -kernel::kEPROBE_DEFER ? 1 : 0;
    }
    Json locks = Json::array();
    for (const kernel::Lockdep::ClassStats& lock : facts.kernel.lockdep.statistics()) {
        locks.push_back({{"name", lock.name},
                         {"acquired", lock.acquired},
                         {"contended", lock.contended},
                         {"wait_ns", ns_json(lock.wait)},
                         {"held_ns", ns_json(lock.held)}});
    }
    Json all;
    all["oops"] = std::move(oops);
    all["lockdep"] = std::move(lockdep);
    all["races"] = std::move(races);
    all["warnings"] = std::move(warnings);
    all["deferred"] = deferred;
    all["deferrals"] = deferrals;
    all["locks"] = std::move(locks);
    all["timeline"] = timeline_json(facts.kernel.events);
    return all;
}

}  // namespace

Json ns_json(SimTime time) { return fs_json(time.fs); }

std::uint64_t rate_per_second(std::uint64_t bytes, SimTime span) {
    if (span.fs == 0) return 0;
    // bytes * 10^15 / span by long division, a decimal digit at a time. span < 2^63 fs keeps rest * 2 in range.
    std::uint64_t quotient = bytes / span.fs;
    std::uint64_t rest = bytes % span.fs;
    for (int digit = 0; digit < 15; ++digit) {
        std::uint64_t next = 0;  // of rest * 10
        quotient *= 10;
        for (int i = 0; i < 10; ++i) {
            const bool carries = next >= span.fs - rest;
            quotient += carries ? 1 : 0;
            next = carries ? next - (span.fs - rest) : next + rest;
        }
        rest = next;
    }
    return quotient;
}

namespace {

Json system_cache_json(const soc::SystemCacheStats& cache) {
    return {{"traffic", lookups_json(cache.traffic)},
            {"walks", lookups_json(cache.walks)},
            {"fetches", cache.fetches},
            {"written_back", cache.written_back},
            {"bypassed", cache.bypassed}};
}

Json regulators_json(const std::vector<soc::RegulatorStats>& regulators) {
    Json all = Json::array();
    for (const soc::RegulatorStats& one : regulators) {
        all.push_back(
            {{"place", one.place}, {"bytes", one.bytes}, {"held", one.held}, {"held_ns", fs_json(one.held_fs)}});
    }
    return all;
}

Json links_json(const soc::SocStats& stats) {
    Json all = Json::array();
    for (const soc::LinkStats& one : stats.links) {
        const double share =
            stats.end.fs == 0 ? 0 : static_cast<double>(one.busy_fs) / static_cast<double>(stats.end.fs);
        all.push_back({{"name", one.name},
                       {"packets", one.packets},
                       {"busy_ns", fs_json(one.busy_fs)},
                       {"busy_share", three_digits(share)},
                       {"no_credit", one.no_credit}});
    }
    return all;
}

/// Of the time from the first transaction to the last one, what was used in it.
Json resources_json(const UsageWatch& usage) {
    Json all = Json::array();
    const auto span = static_cast<double>((usage.last() - usage.first()).fs);
    if (!(span > 0)) return all;
    for (const soc::ResourceUse& use : usage.between(usage.first(), usage.last())) {
        if (use.busy_fs == 0 && use.waited_fs == 0) continue;
        const double occupancy = static_cast<double>(use.busy_fs) / span;
        all.push_back({{"kind", soc::name(use.kind)},
                       {"component", std::string(use.component)},
                       {"part", std::string(use.part)},
                       {"places", use.places},
                       {"busy_share", three_digits(std::min(1.0, occupancy / static_cast<double>(use.places)))},
                       {"occupancy", three_digits(occupancy)},
                       {"full_share", three_digits(std::min(1.0, static_cast<double>(use.full_fs) / span))},
                       {"waiting", three_digits(static_cast<double>(use.waited_fs) / span)},
                       {"waited_ns", fs_json(use.waited_fs)}});
    }
    for (const kernel::Lockdep::ClassUse& use : usage.locks_between(usage.first(), usage.last())) {
        if (use.held_fs == 0 && use.waited_fs == 0) continue;
        const double occupancy = static_cast<double>(use.held_fs) / span;
        all.push_back({{"kind", "lock"},
                       {"component", "kernel"},
                       {"part", use.name},
                       {"places", use.locks},
                       {"busy_share", three_digits(std::min(1.0, occupancy / static_cast<double>(use.locks)))},
                       {"occupancy", three_digits(occupancy)},
                       {"full_share", three_digits(std::min(1.0, static_cast<double>(use.door_fs) / span))},
                       {"waiting", three_digits(static_cast<double>(use.waited_fs) / span)},
                       {"waited_ns", fs_json(use.waited_fs)}});
    }
    return all;
}

Json foreign_json(const std::vector<soc::ForeignStats>& parts) {
    Json all = Json::array();
    for (const soc::ForeignStats& part : parts) {
        Json one = {{"place", part.place}, {"factory", part.factory}, {"counters", Json::object()}};
        for (const auto& [name, value] : part.counters) one["counters"][name] = value;
        all.push_back(std::move(one));
    }
    return all;
}

Json protocol_json(const soc::ProtocolStats& protocol) {
    return {{"joints", protocol.joints},
            {"accesses", protocol.accesses},
            {"open", protocol.open},
            {"violations", protocol.violations},
            {"first", protocol.first}};
}

}  // namespace

Json make_result(const RunFacts& facts) {
    Digest digest;
    digest.add(facts.soc.digest);
    facts.kernel.events.add_to(digest);
    digest.add(facts.kernel.console.text());
    Json result;
    result["schema"] = "xlate.result/1";
    result["name"] = facts.config.name;
    result["digest"] = digest.text();
    result["seed"] = facts.config.seed;
    result["variant"] = facts.kernel.variant.name;
    result["model"] = {{"version", kModelVersion}, {"sources", model_sources()}};
    const auto boot_end = facts.boot.boot_end();
    result["sim"] = {{"fidelity", facts.config.soc.fidelity == soc::Fidelity::fast ? "fast" : "exact"},
                     {"end_ns", ns_json(facts.soc.end)},
                     {"boot_ns", boot_end ? ns_json(*boot_end) : Json()},
                     {"events", facts.soc.events},
                     {"outcome", name(facts.outcome)}};
    result["assumptions"] = facts.assumptions;
    result["warnings"] = facts.warnings;
    result["devices"] = devices_json(facts);
    result["groups"] = groups_json(facts);
    result["untranslated"] = untranslated_json(facts);
    result["iommus"] = iommus_json(facts);
    result["masters"] = masters_json(facts);
    if (facts.usage != nullptr) result["resources"] = resources_json(*facts.usage);
    if (!facts.soc.links.empty()) result["links"] = links_json(facts.soc);
    if (!facts.soc.regulators.empty()) result["regulators"] = regulators_json(facts.soc.regulators);
    if (facts.soc.system_cache) result["system_cache"] = system_cache_json(*facts.soc.system_cache);
    if (!facts.soc.foreign.empty()) result["foreign"] = foreign_json(facts.soc.foreign);
    if (facts.soc.protocol) result["protocol"] = protocol_json(*facts.soc.protocol);
    result["faults"] = faults_json(facts);
    result["faults_total"] = facts.soc.faults_total;
    result["kernel"] = kernel_json(facts);
    if (facts.sanitizer != nullptr) result["sanitizer"] = sanitizer_json(*facts.sanitizer);
    return result;
}

}  // namespace xlate::study
