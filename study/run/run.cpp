#include "study/run/run.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "firmware/acpi/generate_tables.hpp"
#include "firmware/acpi/tables.hpp"
#include "firmware/description.hpp"
#include "firmware/pci_iommus.hpp"
#include "firmware/property_roles.hpp"
#include "kernel-model/boot_state.hpp"
#include "kernel-model/driver-core/known_drivers.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/system.hpp"
#include "soc/soc.hpp"
#include "study/config/firmware_parameters.hpp"
#include "study/config/idle_keys.hpp"
#include "study/database/growing_database.hpp"
#include "study/results/expect.hpp"
#include "study/results/files.hpp"
#include "study/results/host_facts.hpp"
#include "study/results/limited_by.hpp"
#include "study/results/result.hpp"
#include "study/results/run_directory.hpp"
#include "study/results/statistics.hpp"
#include "study/run/after_boot.hpp"
#include "study/run/assemble.hpp"
#include "study/run/assume_kernel.hpp"
#include "study/run/dmar_scopes.hpp"
#include "study/run/firmware_input.hpp"
#include "study/run/kernel_activity.hpp"
#include "study/run/mid_traffic.hpp"
#include "study/run/mmio_clients.hpp"
#include "study/run/pci_roots.hpp"
#include "study/run/run_watch.hpp"
#include "study/run/shared_ids.hpp"
#include "study/run/table_costs.hpp"
#include "study/run/traffic_end.hpp"
#include "study/run/usage_watch.hpp"
#include "study/run/varied_machine.hpp"
#include "study/series/series_json.hpp"
#include "study/trace/run_trace.hpp"

namespace xlate::study {
namespace {

/// Calls of the DMA layer through an IOMMU, and what one took.
nlohmann::ordered_json dma_json(const kernel::DmaStats& dma) {
    const auto mean = [](SimTime all, std::uint64_t calls) {
        return ns_json(SimTime{calls == 0 ? 0 : all.fs / calls});
    };
    return {{"maps", dma.map_calls},
            {"unmaps", dma.unmap_calls},
            {"syncs", dma.syncs},
            {"alloc_iova_ns", mean(dma.alloc_iova, dma.maps + dma.map_failures)},
            {"map_ns", mean(dma.map, dma.map_calls)},
            {"unmap_ns", mean(dma.unmap, dma.unmap_calls)},
            {"sync_ns", mean(dma.sync, dma.syncs)},
            {"free_iova_ns", mean(dma.free_iova, dma.unmaps)}};
}

using Json = nlohmann::ordered_json;

std::atomic<soc::Soc*> running_soc{nullptr};

/// Says which Soc a signal stops, for as long as it stands.
class Interruptible {
public:
    explicit Interruptible(soc::Soc& soc) { running_soc = &soc; }
    ~Interruptible() { running_soc = nullptr; }
    Interruptible(const Interruptible&) = delete;
    Interruptible& operator=(const Interruptible&) = delete;
};

/// Tasks that never finished unwind before what their frames refer to (boot, drivers) goes.
class Unwound {
public:
    explicit Unwound(kernel::Kernel& kernel) : kernel_(kernel) {}
    ~Unwound() { kernel_.sched.kill_all(); }
    Unwound(const Unwound&) = delete;
    Unwound& operator=(const Unwound&) = delete;

private:
    kernel::Kernel& kernel_;
};

/// The config's variant. Errors: InputError with its place.
kernel::Variant find_variant_at(const Config& config) {
    try {
        return kernel::find_variant(config.kernel.variant);
    } catch (const InputError& error) {
        std::vector<Diagnostic> findings = error.findings();
        for (Diagnostic& finding : findings) {
            finding.where = config.where("kernel.variant");
            finding.path = "kernel.variant";
        }
        throw InputError(std::move(findings), error.status());
    }
}

std::vector<Expectation> parse_expectations(const Config& config) {
    std::vector<Expectation> all;
    for (std::size_t i = 0; i < config.expect.size(); ++i) {
        const std::string path = fmt::format("expect[{}]", i);
        all.push_back(Expectation::parse(config.expect[i], config.where(path), path));
    }
    return all;
}

/// Masters whose traffic passed an IOMMU that nothing ever powered: Linux says nothing of it.
std::vector<std::string> unpowered(const kernel::RuntimePm& power, const MmioClients& clients, const Assembly& assembly,
                                   const soc::SocStats& stats) {
    std::vector<std::string> warnings;
    for (std::size_t i = 0; i < assembly.soc.masters.size() && i < stats.masters.size(); ++i) {
        const std::string& device = assembly.soc.masters[i].device;
        if (stats.masters[i].issued == 0) continue;
        std::vector<std::string> iommus = clients.unpowered_at_start(device);
        if (iommus.empty()) iommus = power.never_resumed(device);
        for (const std::string& iommu : iommus) {
            warnings.push_back(fmt::format(
                "{} is not translated: {} was not powered when it began, since its driver has no runtime PM", device,
                iommu));
        }
        for (const std::string& larb : power.awake_since_before(device)) {
            warnings.push_back(fmt::format(
                "{} is not translated: {} was awake already when it attached, and Linux switches its ports to "
                "the IOMMU only as it wakes",
                device, larb));
        }
    }
    return warnings;
}

/// What ATS takes besides the function's capability, where the tables of ACPI have a say.
std::string ats_takes(const firmware::Description& description) {
    if (!description.tables) return "";
    if (description.tables->dmar)
        return ": it takes ECAP.DT (soc.iommu.vt-d.like) and, below a root port, an ATSR structure of the DMAR that "
               "names the port";
    if (description.tables->ivrs)
        return ": it takes IotlbSup in the IVHD and, from Linux 6.7 on, GT and PPR in the extended features";
    return "";
}

/// ATCs that nothing switched on, where no fact of the config has said why yet (idle_atc).
std::vector<std::string> unused_caches(const kernel::LinuxBoot& boot, const soc::SocStats& stats,
                                       const std::vector<std::string>& said) {
    std::vector<std::string> warnings;
    std::map<std::string, std::string> iommus;
    for (const kernel::DeviceResult& device : boot.devices()) iommus[device.name] = device.iommu;
    for (const soc::MasterStats& master : stats.masters) {
        if (!master.atc || master.atc->enabled || master.atc->requests != 0 || master.issued == 0) continue;
        const std::string begin = master.device + ": its atc is not used: ";
        const auto is_said = [&](const std::string& one) { return one.rfind(begin, 0) == 0; };
        if (std::any_of(said.begin(), said.end(), is_said)) continue;
        const std::string& iommu = iommus[master.device];
        warnings.push_back(begin + (iommu.empty() ? "it is behind no IOMMU"
                                                  : fmt::format("the driver of {} has not switched ATS on{}", iommu,
                                                                ats_takes(boot.description()))));
    }
    return warnings;
}

/// Modules that no driver has the name of: loading them changes nothing.
std::vector<std::string> unknown_modules(const Config& config, const kernel::LinuxBoot& boot) {
    std::vector<std::string> names, warnings;
    for (const kernel::KnownDriver& row : boot.state().known) {
        if (!row.module.empty()) names.push_back(row.module);
    }
    for (std::size_t i = 0; i < config.kernel.modules.size(); ++i) {
        const kernel::ModuleLoad& load = config.kernel.modules[i];
        const std::string name = kernel::module_name(load.name);
        if (!load.device.empty() || std::find(names.begin(), names.end(), name) != names.end()) continue;
        const auto* const own =
            std::find_if(kernel::iommu_drivers().begin(), kernel::iommu_drivers().end(),
                         [&](const kernel::IommuDriver& one) { return kernel::module_name(one.module) == name; });
        const bool idle = own != kernel::iommu_drivers().end();
        const std::optional<std::string> near = idle ? std::nullopt : nearest_name(name, names);
        warnings.push_back(fmt::format("kernel.modules[{}]: '{}' changes nothing: {}{}", i, printable(load.name),
                                       idle ? "this board has nothing for that driver" : "no driver here has that name",
                                       near ? fmt::format("; did you mean '{}'?", *near) : ""));
    }
    return warnings;
}

/// Devices that could not map all that they were to move.
std::vector<std::string> failed_mappings(const Config& config, const kernel::ClientDma& clients) {
    std::vector<std::string> warnings;
    std::set<std::string> said;
    for (const TrafficConfig& traffic : config.traffic) {
        const kernel::ClientStats* const client = clients.stats(traffic.device);
        if (client == nullptr || client->map_failures == 0 || !said.insert(traffic.device).second) continue;
        warnings.push_back(
            fmt::format("{}: {} of its mappings failed, and no transfer came of them: console.log says why",
                        traffic.device, client->map_failures));
    }
    return warnings;
}

/// A run that is over with transfers still under way: nothing is left that could end them.
std::vector<std::string> stuck(const soc::SocStats& stats, soc::Outcome outcome) {
    std::vector<std::string> warnings;
    if (outcome != soc::Outcome::finished) return warnings;
    for (const soc::MasterStats& master : stats.masters) {
        if (master.in_flight == 0) continue;
        warnings.push_back(fmt::format("{}: {} of its transfers never ended: what they wait for does not come",
                                       master.device, master.in_flight));
    }
    return warnings;
}

/// The defaults are in every resolved config: only another value asks for something.
void refuse_unused_memory(const Config& config, const firmware::Description& description) {
    if (description.memory.empty() || !config.firmware.generate.empty()) return;
    const SocConfig defaults;
    const bool sized = config.soc.memory_size != defaults.memory_size;
    if (!sized && config.soc.memory_base == defaults.memory_base) return;
    const char* const path = sized ? "soc.memory.size" : "soc.memory.base";
    throw InputError(Diagnostic{config.where(path), path, "the firmware says what memory there is",
                                "this key only with firmware that names none, such as ACPI tables", ""});
}

/// What its foreign parts find says where it was written.
std::unique_ptr<soc::Soc> make_soc(const Config& config, const firmware::Description& description,
                                   const soc::SocConfig& parts) {
    try {
        return std::make_unique<soc::Soc>(description, parts);
    } catch (const InputError& error) {
        std::vector<Diagnostic> findings = error.findings();
        for (Diagnostic& finding : findings) {
            if (finding.where.file.empty()) finding.where = config.where(finding.path);
        }
        throw InputError(std::move(findings), error.status());
    }
}

/// Evaluates into result["expect"]; returns the JUnit cases.
std::vector<JunitCase> check_expectations(const std::vector<Expectation>& expectations, Json& result) {
    std::vector<JunitCase> cases;
    Json all = Json::array();
    for (const Expectation& one : expectations) {
        Expectation::Outcome outcome = one.evaluate(result);
        Json entry = {{"expr", one.text()}, {"ok", outcome.ok}, {"value", std::move(outcome.value)}};
        if (!outcome.ok) entry["why"] = outcome.why;
        all.push_back(std::move(entry));
        cases.push_back({one.text(), outcome.ok, outcome.why});
    }
    result["expect"] = std::move(all);
    return cases;
}

/// console.log: the sanitizer's lines stand where their time is; the kernel's own log does not know of them.
std::string console_text(const kernel::Console& console, const std::optional<soc::SanitizerReport>& sanitizer) {
    if (!sanitizer || sanitizer->findings.empty()) return console.text();
    std::vector<kernel::ConsoleLine> lines = console.lines();
    const std::vector<kernel::ConsoleLine> found = sanitizer_lines(*sanitizer);
    lines.insert(lines.end(), found.begin(), found.end());
    std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
    std::string text;
    for (const kernel::ConsoleLine& line : lines) text += line.print() + "\n";
    return text;
}

Json busy_json(const RunFacts& facts) {
    Json all = Json::array();
    for (std::size_t i = 0; i < facts.soc.masters.size(); ++i) {
        Json shares = Json::array();
        const auto three_digits = [](double value) { return std::round(value * 1000) / 1000; };
        for (const OnTheWay& one : busy_shares(facts, i)) {
            shares.push_back({{"resource", one.resource},
                              {"share", three_digits(one.share)},
                              {"places", one.places},
                              {"occupancy", three_digits(one.occupancy)},
                              {"waiting", three_digits(one.waiting)}});
        }
        all.push_back(std::move(shares));
    }
    return all;
}

constexpr const char* kManifestFile = "manifest.json";
constexpr const char* kTraceFile = "trace.pftrace";

/// All that a run, or `xlate report` on it, may leave in its directory.
/// `shared`: with a sweep, whose report.html it is then.
std::vector<std::string> owned_files(bool shared) {
    std::vector<std::string> files{"result.json",  "console.log", "config.resolved.yaml", kHostFile,     kManifestFile,
                                   kGeneratedTree, kTraceFile,    "report.html",          "series.json", "stats.csv",
                                   kDatabaseFile,  kDatabaseRows};
    for (const std::string_view table : firmware::acpi::generated_tables()) files.push_back(generated_table(table));
    if (shared) files.erase(std::find(files.begin(), files.end(), "report.html"));
    return files;
}

/// What the run as a whole came to. `expectations`: those of the config, with their outcomes.
void judge(RunReport& report, soc::Outcome outcome, const std::vector<JunitCase>& expectations) {
    const Json& oops = report.result["kernel"]["oops"];
    bool crash_expected = false;
    bool findings_expected = false;
    std::size_t failed = 0;
    for (const JunitCase& one : expectations) {
        failed += one.ok ? 0 : 1;
        crash_expected = crash_expected || (one.ok && one.name.find("kernel.oops") != std::string::npos);
        findings_expected = findings_expected || (one.ok && one.name.find("sanitizer.") != std::string::npos);
    }
    if (outcome == soc::Outcome::interrupted) {
        report.status = ExitStatus::interrupted;
        report.why = "interrupted; what was finished is kept";
    } else if (failed != 0) {
        report.status = ExitStatus::failed;
        report.why = fmt::format("{} of {} expectations failed", failed, expectations.size());
    } else if (!oops.empty() && !crash_expected) {
        report.status = ExitStatus::failed;
        report.why = fmt::format("the simulated kernel crashed: {}: {}", oops[0]["kind"].get<std::string>(),
                                 oops[0]["what"].get<std::string>());
    } else if (report.result.contains("sanitizer") && report.result["sanitizer"]["findings_total"] != 0 &&
               !findings_expected) {
        const Json& first = report.result["sanitizer"]["findings"][0];
        report.status = ExitStatus::failed;
        report.why = fmt::format("the sanitizer found: {}: {}", first["rule"].get<std::string>(),
                                 first["what"].get<std::string>());
    } else if (report.result.contains("protocol") && report.result["protocol"]["violations"] != 0) {
        const Json& protocol = report.result["protocol"];
        report.status = ExitStatus::failed;
        report.why = fmt::format("TLM's base protocol was broken {} times, first: {}",
                                 protocol["violations"].get<std::uint64_t>(), protocol["first"][0].get<std::string>());
    } else if (outcome != soc::Outcome::finished) {
        report.status = ExitStatus::limit;
        report.why = outcome == soc::Outcome::time_limit ? "limits.sim_time was reached" : "limits.events was reached";
    }
}

/// A warm-up that took the whole run leaves nothing to say.
void check_warmups(const Config& config, const soc::SocStats& stats, RunReport& report) {
    for (std::size_t i = 0; i < config.traffic.size(); ++i) {
        const TrafficConfig& traffic = config.traffic[i];
        for (const soc::MasterStats& master : stats.masters) {
            const bool all = master.device == traffic.device && !traffic.warmup.empty() && master.issued != 0 &&
                             master.reads + master.writes + master.faults == 0;
            if (!all || (report.status != ExitStatus::ok && report.status != ExitStatus::failed)) continue;
            const std::string path = fmt::format("traffic[{}].warmup", i);
            report.status = ExitStatus::usage;
            report.why = Diagnostic{config.where(path), path,
                                    fmt::format("a warm-up of {} is longer than all traffic of {}", traffic.warmup,
                                                traffic.device),
                                    "a shorter one, or more transfers", ""}
                             .text();
        }
    }
}

}  // namespace

RunReport run(Config& config, const RunOptions& options) {
    HostFacts host;
    const std::vector<Expectation> expectations = parse_expectations(config);
    kernel::Variant variant = find_variant_at(config);
    FirmwareInput input = load_firmware(config, options.firmware);
    firmware::Description& description = input.description;
    const std::vector<std::string> kernel_assumed = assume_kernel(config, description);
    if (!kernel_assumed.empty()) variant = find_variant_at(config);
    FirmwareParameters parameters = take_firmware_parameters(config, description);
    const std::vector<std::string> unscanned = settle_pci_roots(config, description);
    const std::size_t noted = description.oddities.size();
    settle_dmar_scopes(config, description);
    std::vector<std::string> absent;
    for (std::size_t i = noted; i < description.oddities.size(); ++i) absent.push_back(description.oddities[i].what);
    refuse_unused_memory(config, description);
    const std::optional<std::string> memory =
        assume_memory(description, config.soc.memory_size, config.soc.memory_base);
    if (options.config_text != nullptr) {
        host.add_input(config.source, *options.config_text);
    } else if (config.text != nullptr) {
        host.add_input(config.source, *config.text);
    } else {
        host.add_input(config.source);
    }
    for (const auto& [path, text] : config.bases) host.add_input(path, text);
    for (std::size_t i = 0; i < config.traffic.size(); ++i) {
        const std::string& trace = config.traffic[i].trace;
        if (!trace.empty()) host.add_input(find_input(config, trace, fmt::format("traffic[{}].trace", i)));
    }
    for (const auto& [path, bytes] : input.files)
        host.add_input(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    const std::vector<std::string> placed = firmware::place_pci_iommus(description);
    Assembly assembly = assemble(config, description);
    assembly.assumptions.insert(assembly.assumptions.end(), placed.begin(), placed.end());
    if (memory) assembly.assumptions.push_back(*memory);
    assembly.assumptions.insert(assembly.assumptions.begin(), parameters.assumed.begin(), parameters.assumed.end());
    assembly.assumptions.insert(assembly.assumptions.begin(), kernel_assumed.begin(), kernel_assumed.end());
    for (std::string& one : parameters.warnings) assembly.warnings.push_back(std::move(one));
    assembly.warnings.insert(assembly.warnings.begin(), unscanned.begin(), unscanned.end());
    for (std::string& one : idle_keys(config)) assembly.warnings.push_back(std::move(one));
    for (std::string& one : drivers_not_yet(variant, description)) assembly.warnings.push_back(std::move(one));
    for (const firmware::UnmodelledProperty& one : firmware::unmodelled_properties(description)) {
        assembly.warnings.push_back(
            fmt::format("'{}' of {}{} is not modelled: {}", printable(std::string(one.name)),
                        description.node(one.nodes.front()).path,
                        one.nodes.size() == 1 ? "" : fmt::format(" and {} more", one.nodes.size() - 1), one.what));
    }

    TraceRecorder trace(config.trace);
    RunTrace run_trace(trace);
    const bool traced = options.trace && !options.out.empty();
    const std::unique_ptr<soc::Soc> made = make_soc(config, description, assembly.soc);
    soc::Soc& soc = *made;
    SteadyWatch steady;
    for (const TrafficConfig& traffic : config.traffic) steady.set_warmup(traffic.device, warmup_of(traffic).value());
    soc::TraceSink* listener = traced ? &run_trace : options.listener;
    std::optional<SeriesWatch> series;
    if (options.series || options.database) {
        series.emplace();
        series->set_next(listener);
        listener = &*series;
    }
    steady.set_next(listener);
    UsageWatch usage(soc);
    for (const TrafficConfig& traffic : config.traffic) usage.expect(traffic.params.transfers);
    TrafficEnd ends(soc, steady);
    for (const TrafficConfig& traffic : config.traffic) {
        const auto enough = assembly.enough.find(traffic.device);
        ends.watch(traffic, enough == assembly.enough.end() ? nullptr : enough->second);
    }
    const auto listen = [&] {
        usage.set_next(&steady);
        ends.set_next(&usage);
        soc.set_trace(ends.any() ? static_cast<soc::TraceSink*>(&ends) : &usage);
    };
    listen();
    std::optional<VariedMachine> varied;
    if (config.kernel.cost_spread.numerator != 0)
        varied.emplace(soc.machine(), config.kernel.costs, config.kernel.cost_spread, config.seed);
    kernel::Machine& machine = varied ? static_cast<kernel::Machine&>(*varied) : soc.machine();
    std::optional<KernelActivity> activity;
    if (traced || series) activity.emplace(machine, config.soc.cpu.count);
    if (traced) activity->add(run_trace);
    if (series) activity->add(*series);
    kernel::Machine& seen = activity ? static_cast<kernel::Machine&>(*activity) : machine;
    std::optional<WatchedMachine> watched;
    if (options.watch != nullptr) watched.emplace(seen, *options.watch);
    kernel::Kernel kernel(watched ? static_cast<kernel::Machine&>(*watched) : seen, variant);
    soc.attach(kernel);
    usage.watch(kernel.lockdep);
    kernel.costs = config.kernel.costs;
    kernel::KernelSystem system(kernel, description, assembly.boot);
    MmioClients clients(config, description, kernel, system);
    kernel::LinuxBoot boot(kernel, description, system.boot_config());
    const Unwound unwound(kernel);
    if (options.watch != nullptr) options.watch->on_start(soc);
    boot.start();
    AfterBoot after_boot(config, boot, system.power,
                         clients.any() ? [&] { clients.start_masters(boot); } : std::function<void()>{});
    after_boot.arm();
    Rogues rogues(config, soc);
    rogues.arm();

    // Nothing is wrong any more that could be known before; from here on the directory is ours.
    std::optional<RunDirectory> directory;
    const bool shared = !options.out.empty() && !sweep_in(options.out).empty();
    if (!options.out.empty()) directory.emplace(options.out, owned_files(shared));
    std::optional<GrowingDatabase> database;
    if (directory && options.database) {
        database.emplace(options.out, options.transfers);
        database->database().set_next(listener);
        steady.set_next(&database->database());
        listen();
    }
    if (traced) trace.begin([&file = directory->open(kTraceFile)](std::string_view piece) { file.put(piece); });

    soc::Outcome outcome = soc::Outcome::finished;
    {
        const Interruptible guard(soc);
        const ProgressLine progress(options.progress, soc);
        outcome = soc.run();
    }
    if (outcome == soc::Outcome::finished) kernel.finish();
    soc::SocStats stats = soc.stats();
    usage.finish();
    for (soc::MasterStats& master : stats.masters) steady.apply(master);

    const std::optional<soc::SanitizerReport> sanitizer =
        soc.sanitize(outcome == soc::Outcome::finished && !kernel.reports.crashed());

    std::vector<std::string> warnings = assembly.warnings;
    warnings.insert(warnings.end(), absent.begin(), absent.end());
    warnings.insert(warnings.end(), soc.warnings().begin(), soc.warnings().end());
    for (std::string& warning : unpowered(system.power, clients, assembly, stats))
        warnings.push_back(std::move(warning));
    for (std::string& warning : unused_caches(boot, stats, warnings)) warnings.push_back(std::move(warning));
    for (std::string& warning : unknown_modules(config, boot)) warnings.push_back(std::move(warning));
    for (std::string& warning : failed_mappings(config, system.client)) warnings.push_back(std::move(warning));
    for (std::string& warning : stuck(stats, outcome)) warnings.push_back(std::move(warning));
    for (std::string& warning : shared_ids(boot.devices())) warnings.push_back(std::move(warning));
    warnings.insert(warnings.end(), after_boot.warnings().begin(), after_boot.warnings().end());
    for (std::string& warning : rogues.warnings()) warnings.push_back(std::move(warning));
    for (std::string& warning : unmap_warnings(config, system.client, stats)) warnings.push_back(std::move(warning));
    if (options.watch != nullptr) options.watch->on_end(kernel, boot, soc, clients.rng());
    if (std::optional<std::string> costs = assume_table_costs(config, boot, stats))
        assembly.assumptions.push_back(std::move(*costs));
    RunReport report;
    if (shared)
        report.notes.push_back(
            fmt::format("{} also holds a sweep, whose report.html is left as it is", printable(options.out)));
    if (activity) activity->finish();
    if (traced) {
        run_trace.finish();
        trace.finish(kernel);
        std::vector<std::string> lacks = trace.idle_patterns();
        if (const std::optional<std::string> cut = trace.cut()) lacks.push_back(*cut);
        warnings.insert(warnings.end(), lacks.begin(), lacks.end());
        report.notes.insert(report.notes.end(), lacks.begin(), lacks.end());
    }
    report.console = console_text(kernel.console, sanitizer);
    const RunFacts facts{
        config,  boot,   kernel, stats, outcome, assembly.assumptions, warnings, sanitizer ? &*sanitizer : nullptr,
        &steady, &usage, &ends};
    report.result = make_result(facts);
    if (options.busy) report.busy = busy_json(facts);
    if (const kernel::DmaStats& dma = system.dma.stats(); dma.map_calls != 0) {
        report.result["kernel"]["dma"] = dma_json(dma);
    }
    if (const kernel::SwiotlbStats& pool = system.dma.swiotlb().stats(); pool.bounces != 0 || pool.full != 0) {
        report.result["kernel"]["swiotlb"] = {{"bounces", pool.bounces},
                                              {"bytes_copied", pool.bytes_copied},
                                              {"full", pool.full},
                                              {"most_bytes", pool.most_slots * kernel::Swiotlb::kSlotBytes}};
    }
    std::vector<JunitCase> cases = check_expectations(expectations, report.result);
    judge(report, outcome, cases);
    check_warmups(config, stats, report);
    if (directory) {
        std::vector<OutputFile> files{
            {"result.json", report.result.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"},
            {"console.log", report.console},
            {"config.resolved.yaml", resolved_yaml(config)}};
        if (!config.firmware.generate.empty()) {
            for (const auto& [name, bytes] : input.files) files.push_back({name, {bytes.begin(), bytes.end()}});
        }
        if (series) {
            const Json over_time = series_json(*series, facts);
            files.push_back({"series.json", over_time.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"});
            files.push_back({"stats.csv", statistics_csv(report.result)});
            if (database) {
                database->database().write(report.result, over_time);
                files.push_back(database->file());
            }
        }
        files.push_back({kHostFile, host.facts(stats.events)});
        directory->write(files, [&](const std::vector<WrittenFile>& written) {
            return OutputFile{kManifestFile,
                              host.manifest(config, report.result["digest"].get<std::string>(), written)};
        });
    }
    if (!options.junit.empty()) {
        cases.insert(
            cases.begin(),
            {"the run ends well", report.status == ExitStatus::ok || report.status == ExitStatus::failed, report.why});
        if (sanitizer) {
            const bool told = report.why.rfind("the sanitizer found", 0) == 0;
            cases.push_back({"the sanitizer finds nothing that is not expected", !told, report.why});
        }
        write_file(options.junit, junit_xml(config.name, cases));
    }
    return report;
}

bool interrupt_run() {
    soc::Soc* const soc = running_soc.load();
    if (soc != nullptr) soc->request_stop();
    return soc != nullptr;
}

void describe_progress(char* text, std::size_t size) {
    text[0] = '\0';
    if (const soc::Soc* const soc = running_soc.load())
        std::snprintf(text, size, "; simulated up to %llu ns",
                      static_cast<unsigned long long>(soc->now().fs / kFsPerNs));
}

}  // namespace xlate::study
