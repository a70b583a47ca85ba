#include "study/diff_kernels/diff_kernels.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "study/init/starter_kernel.hpp"
#include "study/run/assume_kernel.hpp"

namespace xlate::study {
namespace {

using kernel::Cap;
using kernel::Defect;
using kernel::Variant;

/// A kernel on the way from the first to the second, and what its changes were.
struct Stage {
    std::vector<KernelChange> changes;
    BootFacts facts;
};

constexpr std::size_t kCaps = static_cast<std::size_t>(Cap::kCount);
constexpr std::size_t kDefects = static_cast<std::size_t>(Defect::kCount);

std::vector<KernelChange> changes_between(const Variant& first, const Variant& second) {
    std::vector<KernelChange> changes;
    // First what drivers were prepared by: a walk that parses finds its own instance by the bus look-up, and an alias
    // does not end it.
    if (first.release != second.release) {
        changes.push_back({"release",
                           fmt::format("what drivers do by release alone, {}.{} to {}.{}", first.release / 100,
                                       first.release % 100, second.release / 100, second.release % 100),
                           false});
    }
    std::vector<Cap> order{Cap::alias_is_enodev};
    for (std::size_t i = 0; i < kCaps; ++i) {
        if (static_cast<Cap>(i) != order.front()) order.push_back(static_cast<Cap>(i));
    }
    for (const Cap cap : order) {
        if (first.has(cap) == second.has(cap)) continue;
        changes.push_back({std::string(name(cap)), std::string(sentence(cap)), first.has(cap)});
    }
    for (std::size_t i = 0; i < kDefects; ++i) {
        const auto defect = static_cast<Defect>(i);
        if (first.defect(defect) == second.defect(defect)) continue;
        changes.push_back({fmt::format("repair of {}", name(defect)),
                           fmt::format("defect {} is repaired", name(defect)), second.defect(defect)});
    }
    return changes;
}

void apply(const KernelChange& change, const Variant& second, Variant& kernel) {
    if (change.name == "release") kernel.release = second.release;
    for (std::size_t i = 0; i < kCaps; ++i) {
        if (change.name == name(static_cast<Cap>(i))) kernel.capabilities[i] = second.capabilities[i];
    }
    for (std::size_t i = 0; i < kDefects; ++i) {
        if (change.name == fmt::format("repair of {}", name(static_cast<Defect>(i))))
            kernel.repaired[i] = second.repaired[i];
    }
}

/// Devices that both kernels put into groups: only for these have numbers and order a meaning.
std::set<std::string> grouped_in_both(const BootFacts& was, const BootFacts& is) {
    std::set<std::string> both;
    for (const BootedDevice& device : was.devices) {
        const BootedDevice* const other = is.find(device.name);
        if (device.group && other != nullptr && other->group) both.insert(device.name);
    }
    return both;
}

using Values = std::array<std::string, static_cast<std::size_t>(DiffField::kCount)>;

std::string outcome_of(const BootedDevice& device) {
    if (device.state == "bound") return fmt::format("bound to {}", device.driver);
    std::string text = device.state;
    if (!device.why.empty()) text += fmt::format(" ({})", device.why);
    return text;
}

/// Every device's fields as text.
std::map<std::string, Values> values_of(const BootFacts& facts, const std::set<std::string>& both) {
    std::map<std::string, Values> all;
    std::vector<const BootedDevice*> joined;
    for (const BootedDevice& device : facts.devices) {
        Values& values = all[device.name];
        values.fill("none");
        const auto set = [&](DiffField field, std::string text) {
            if (!text.empty()) values[static_cast<std::size_t>(field)] = std::move(text);
        };
        set(DiffField::outcome, outcome_of(device));
        std::string ids;
        for (const std::uint32_t id : device.ids)
            ids += (ids.empty() ? "" : ", ") + firmware::id_text(device.id_cells, id);
        set(DiffField::ids, ids);
        std::string errors;
        for (const ProbeError& one : device.errors)
            errors += fmt::format("{}{} from {}", errors.empty() ? "" : ", ", one.ret, one.caller);
        set(DiffField::errors, errors);
        set(DiffField::acs, device.acs);
        if (!device.group) continue;
        set(DiffField::group,
            device.peers.empty() ? std::string("alone") : fmt::format("with {}", fmt::join(device.peers, ", ")));
        if (both.count(device.name) == 0) continue;
        set(DiffField::number, std::to_string(*device.group));
        set(DiffField::domain, std::string(kernel::name(device.domain)));
        joined.push_back(&device);
    }
    std::sort(joined.begin(), joined.end(),
              [](const BootedDevice* a, const BootedDevice* b) { return a->joined < b->joined; });
    for (std::size_t i = 0; i < joined.size(); ++i)
        all[joined[i]->name][static_cast<std::size_t>(DiffField::order)] = std::to_string(i + 1);
    return all;
}

std::vector<KernelDifference> differences_between(const std::vector<Stage>& stages) {
    const BootFacts& was = stages.front().facts;
    const BootFacts& is = stages.back().facts;
    const std::set<std::string> both = grouped_in_both(was, is);
    std::vector<std::map<std::string, Values>> values;
    values.reserve(stages.size());
    for (const Stage& stage : stages) values.push_back(values_of(stage.facts, both));
    std::vector<std::string> devices;
    for (const BootFacts* facts : {&was, &is}) {
        for (const BootedDevice& device : facts->devices) {
            if (std::find(devices.begin(), devices.end(), device.name) == devices.end()) devices.push_back(device.name);
        }
    }
    Values nothing;
    nothing.fill("none");
    std::vector<KernelDifference> all;
    for (const std::string& device : devices) {
        const auto at = [&](std::size_t stage, std::size_t field) -> const std::string& {
            const auto found = values[stage].find(device);
            return (found == values[stage].end() ? nothing : found->second)[field];
        };
        for (std::size_t field = 0; field < static_cast<std::size_t>(DiffField::kCount); ++field) {
            const std::size_t last = stages.size() - 1;
            if (at(0, field) == at(last, field)) continue;
            KernelDifference difference{device, static_cast<DiffField>(field), at(0, field), at(last, field), {}};
            for (std::size_t stage = 1; stage <= last; ++stage) {
                if (at(stage - 1, field) == at(stage, field)) continue;
                for (const KernelChange& change : stages[stage].changes) difference.because.push_back(change.name);
            }
            all.push_back(std::move(difference));
        }
    }
    return all;
}

/// The kernels between two that were booted already. Nothing in between is booted if both come to the same.
std::vector<KernelDifference> explained(const BootBoard& board, const Variant& first, const BootFacts& was,
                                        const Variant& second, const BootFacts& is) {
    const std::vector<KernelChange> changes = changes_between(first, second);
    std::vector<Stage> stages{{{}, was}, {changes, is}};
    if (differences_between(stages).empty()) return {};
    stages.pop_back();
    Variant kernel = first;
    kernel.name = "between";
    std::vector<KernelChange> pending;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        pending.push_back(changes[i]);
        apply(changes[i], second, kernel);
        const bool last = i + 1 == changes.size();
        BootFacts facts = last ? is : boot_untimed(board, kernel);
        if (facts.crashed && !last) continue;
        stages.push_back({std::exchange(pending, {}), std::move(facts)});
    }
    return differences_between(stages);
}

unsigned release_order(const Variant& variant) {
    if (variant.name.rfind("attempt-", 0) == 0) return ~0U;  // foils: no kernel had that
    const bool stable = variant.name.rfind("linux-6.12.7", 0) == 0;
    return variant.release * 10 + (stable ? 1 : 0);
}

}  // namespace

std::string_view name(DiffField field) {
    constexpr std::string_view kNames[] = {"outcome", "group", "ids", "domain", "errors", "acs", "number", "order"};
    return kNames[static_cast<std::size_t>(field)];
}

Variant variant_for_diff(const std::string& name, std::vector<std::string>& notes) {
    const std::string stem = name.substr(0, name.find_first_of("~+"));
    const auto known = [](const std::string& text) {
        const auto& all = kernel::variants();
        return std::any_of(all.begin(), all.end(), [&](const Variant& one) { return one.name == text; });
    };
    if (known(stem)) return kernel::find_variant(name);
    const std::optional<KernelRelease> release = kernel_release_of(name);
    const std::size_t start = name.rfind("linux-", 0) == 0 ? 6 : name.rfind('v', 0) == 0 ? 1 : 0;
    const std::size_t end = std::min(name.find_first_not_of("0123456789.", start), name.size());
    const bool is_release =
        release && end > start && (end == name.size() || std::string_view("-+~_").find(name[end]) != std::string::npos);
    if (!is_release) return kernel::find_variant(name);  // which says what there is
    const Variant* newest = nullptr;
    for (const Variant& variant : kernel::variants()) {
        if (newest == nullptr || variant.release > newest->release) newest = &variant;
    }
    if (release->number() > newest->release) {
        throw InputError(Diagnostic{{},
                                    "variant",
                                    fmt::format("'{}' is later than every variant", printable(name)),
                                    "`xlate run --variant help` lists them",
                                    newest->name});
    }
    const ChosenVariant chosen = variant_of_kernel(name);
    notes.push_back(chosen.note.empty() ? fmt::format("{}: variant {}", printable(name), chosen.variant) : chosen.note);
    return kernel::find_variant(chosen.variant);
}

KernelDiff diff_kernels(const BootBoard& board, const Variant& first, const Variant& second) {
    KernelDiff diff;
    diff.board = board.name;
    diff.first = first.name;
    diff.second = second.name;
    diff.notes = board.notes;
    for (const Variant* variant : {&first, &second}) {
        for (std::string& one : drivers_not_yet(*variant, board.description)) diff.notes.push_back(std::move(one));
    }
    diff.was = boot_untimed(board, first);
    diff.is = boot_untimed(board, second);
    diff.changes = changes_between(first, second);
    diff.differences = explained(board, first, diff.was, second, diff.is);
    return diff;
}

KernelMatrix matrix_of_kernels(const BootBoard& board) {
    KernelMatrix matrix;
    matrix.board = board.name;
    matrix.notes = board.notes;
    std::vector<const Variant*> all;
    for (const Variant& variant : kernel::variants()) {
        if (variant.runnable) all.push_back(&variant);
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Variant* a, const Variant* b) { return release_order(*a) < release_order(*b); });
    const Variant* before = nullptr;
    for (const Variant* variant : all) {
        BootFacts facts = boot_untimed(board, *variant);
        if (before == nullptr) {
            matrix.rows.push_back({{variant->name}, std::move(facts), {}});
        } else {
            KernelMatrixRow& row = matrix.rows.back();
            std::vector<KernelDifference> differences = explained(board, *before, row.facts, *variant, facts);
            if (differences.empty() && facts.reports == row.facts.reports) {
                row.variants.push_back(variant->name);
            } else {
                matrix.rows.push_back({{variant->name}, std::move(facts), std::move(differences)});
            }
        }
        before = variant;
    }
    return matrix;
}

}  // namespace xlate::study
