#include "study/sweep/choose.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "base/random.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;
using Combination = std::vector<std::size_t>;

/// Combinations that constraints are asked about, at most.
constexpr std::size_t kMaxAsked = 10'000'000;

InputError too_many(const Study& study, std::size_t most, const char* expected) {
    return InputError(
        Diagnostic{{study.file, {}, {}, {}}, "study.vary", fmt::format("more than {} points", most), expected, ""},
        ExitStatus::limit);
}

class Chooser {
public:
    explicit Chooser(const Study& study) : study_(study) {
        for (const StudyAxis& axis : study.axes) {
            values_.emplace_back();
            for (const StudyAxis::Alternative& one : axis.alternatives)
                values_.back().push_back(label_value(one.label));
        }
        broken_.resize(study.constraints.size(), 0);
    }

    Choice choose() {
        switch (study_.sample.method) {
            case StudySample::Method::every:
                every();
                break;
            case StudySample::Method::random:
                random();
                break;
            case StudySample::Method::latin:
                latin();
                break;
        }
        if (chosen_.empty()) refuse();
        Choice choice;
        choice.combinations.assign(chosen_.begin(), chosen_.end());
        if (study_.sample.method != StudySample::Method::every && chosen_.size() < study_.sample.points)
            choice.notes.push_back(
                fmt::format("the sample has {} of the {} points that it asks for: the others break `where`, or would "
                            "be there twice",
                            chosen_.size(), study_.sample.points));
        return choice;
    }

private:
    /// All combinations there are, or `most` if that is less.
    std::size_t count(std::size_t most) const {
        std::size_t all = 1;
        for (const StudyAxis& axis : study_.axes) {
            if (all > most / std::max<std::size_t>(1, axis.alternatives.size())) return most;
            all *= axis.alternatives.size();
        }
        return all;
    }
    Combination number(std::size_t i) const {
        Combination combination(study_.axes.size());
        for (std::size_t axis = study_.axes.size(); axis-- > 0;) {
            combination[axis] = i % study_.axes[axis].alternatives.size();
            i /= study_.axes[axis].alternatives.size();
        }
        return combination;
    }
    bool holds(const Combination& combination) {
        if (study_.constraints.empty()) return true;
        Json names = Json::object();
        for (std::size_t axis = 0; axis < combination.size(); ++axis)
            names[study_.axes[axis].name] = values_[axis][combination[axis]];
        bool all = true;
        for (std::size_t i = 0; i < study_.constraints.size(); ++i) {
            const StudyConstraint& one = study_.constraints[i];
            const Expectation::Outcome outcome = one.holds.evaluate(names);
            if (outcome.ok) continue;
            if (outcome.failed) {
                std::string axes;
                for (const StudyAxis& axis : study_.axes) axes += (axes.empty() ? "" : ", ") + axis.name;
                throw InputError(Diagnostic{one.where, one.path,
                                            fmt::format("'{}' is no condition here: {}", one.holds.text(), outcome.why),
                                            fmt::format("one over the axes {}", axes), ""});
            }
            ++broken_[i];
            all = false;
        }
        return all;
    }
    void every() {
        const bool asks = !study_.constraints.empty();
        const std::size_t most = asks ? kMaxAsked : kMaxPoints;
        const std::size_t all = count(most + 1);
        if (all > most) throw too_many(study_, most, asks ? "a sample of them" : "");
        for (std::size_t i = 0; i < all; ++i) {
            Combination one = number(i);
            if (holds(one)) chosen_.insert(chosen_.end(), std::move(one));
            if (chosen_.size() > kMaxPoints) throw too_many(study_, kMaxPoints, "");
        }
    }
    /// Draws until there are enough; where nearly all are asked for, or few are allowed, from a list of all.
    void random() {
        Rng rng(study_.sample.seed, "study.sample.random");
        const std::size_t all = count(kMaxAsked + 1);
        if (all <= kMaxAsked && all / 4 <= study_.sample.points) return shuffled(rng, all);
        for (std::size_t tries = 0; tries < kMaxTries * study_.sample.points; ++tries) {
            Combination one;
            for (const StudyAxis& axis : study_.axes) one.push_back(rng.below(axis.alternatives.size()));
            if (holds(one)) chosen_.insert(std::move(one));
            if (chosen_.size() == study_.sample.points) return;
        }
    }
    void shuffled(Rng& rng, std::size_t all) {
        std::vector<std::size_t> order(all);
        for (std::size_t i = 0; i < all; ++i) order[i] = i;
        for (std::size_t i = 0; i < all && chosen_.size() < study_.sample.points; ++i) {
            std::swap(order[i], order[i + rng.below(all - i)]);
            Combination one = number(order[i]);
            if (holds(one)) chosen_.insert(std::move(one));
        }
    }
    /// Point j has, along each axis, the place of j in an order of its own: each stretch of the axis once.
    void latin() {
        Rng rng(study_.sample.seed, "study.sample.latin");
        const std::size_t points = study_.sample.points;
        std::vector<Combination> all(points, Combination(study_.axes.size()));
        for (std::size_t axis = 0; axis < study_.axes.size(); ++axis) {
            const std::size_t alternatives = study_.axes[axis].alternatives.size();
            std::vector<std::size_t> order(points);
            for (std::size_t i = 0; i < points; ++i) order[i] = i;
            for (std::size_t i = 0; i < points; ++i) std::swap(order[i], order[i + rng.below(points - i)]);
            for (std::size_t i = 0; i < points; ++i) all[i][axis] = order[i] * alternatives / points;
        }
        for (Combination& one : all) {
            if (holds(one)) chosen_.insert(std::move(one));
        }
    }
    [[noreturn]] void refuse() const {
        const auto hardest = std::max_element(broken_.begin(), broken_.end());
        if (hardest == broken_.end() || *hardest == 0)
            throw InputError(Diagnostic{{study_.file, {}, {}, {}}, "study.vary", "there is no point", "", ""});
        const StudyConstraint& one = study_.constraints[static_cast<std::size_t>(hardest - broken_.begin())];
        throw InputError(Diagnostic{
            one.where, one.path,
            fmt::format("no point is left: '{}' fails at {} of those that were looked at", one.holds.text(), *hardest),
            "constraints that some combination of the axes fulfils", ""});
    }

    static constexpr std::size_t kMaxTries = 200;
    const Study& study_;
    std::vector<std::vector<Json>> values_;
    std::vector<std::size_t> broken_;
    std::set<Combination> chosen_;
};

}  // namespace

Json label_value(const std::string& label) {
    if (label == "true" || label == "false") return label == "true";
    if (const auto whole = parse_integer(label)) return whole.value();
    if (const auto bytes = parse_bytes(label)) return bytes.value();
    if (const auto rate = parse_bandwidth(label)) return rate.value();
    if (const auto time = parse_time(label))
        return static_cast<double>(time.value().fs) / static_cast<double>(kFsPerNs);
    if (const auto ratio = parse_ratio(label))
        return static_cast<double>(ratio.value().numerator) / static_cast<double>(ratio.value().denominator);
    return label;
}

Choice choose_combinations(const Study& study) {
    Choice choice = Chooser(study).choose();
    if (choice.combinations.size() > kMaxPoints / std::max<std::uint64_t>(1, study.repeat.seeds))
        throw too_many(study, kMaxPoints, "");
    return choice;
}

}  // namespace xlate::study
