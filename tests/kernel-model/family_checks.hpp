// What every family's driver is held to over the boots of corpus/linux-boot-families: events, groups, members, drivers,
// mappings, register writes. A family adds what its registers mean.
#pragma once

#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/kernel-model/family_boot.hpp"

namespace xlate::kernel::tests {

std::uint64_t hex_of(const Json& text);

/// Devices behind IOMMUs of other drivers than `driver`: another test's. And what no IOMMU concerns: reset controllers;
/// devices that still waited when the recording ended, of which a run to its end says more.
std::set<std::string> foreign_to(const FamilyBoot& run, const std::string& driver);

/// Without walks that meet a device which is probed already: whether a walk or a retry comes first is a matter of time.
std::vector<std::string> timeless(std::vector<std::string> lines);

void check_events(FamilyBoot& run, const std::string& driver);

/// `faithful`: beginnings of reports that the real driver deserves as well.
void check_groups(FamilyBoot& run, const std::string& driver, const std::vector<std::string>& faithful = {});

void check_mappings(FamilyBoot& run);

/// Where the real kernel's pages lie in our run: by the IOVA to which both mapped one.
class Frames {
public:
    explicit Frames(const FamilyBoot& run);
    /// `ours` is what the real kernel's page at `theirs` is here; one that no client mapped lies where it lay.
    bool same(std::uint64_t theirs, std::uint64_t ours) const {
        const auto found = frames_.find(theirs);
        return found == frames_.end() ? theirs == ours : found->second.count(ours) != 0;
    }

private:
    std::map<std::uint64_t, std::set<std::uint64_t>> frames_;
};

/// Writes in order, and the words left in the end. `text` prints a register's value without what differs from run to
/// run (where a table lies); an empty text is not compared.
void check_registers(FamilyBoot& run,
                     const std::function<std::string(std::uint64_t address, std::uint64_t value)>& text);

}  // namespace xlate::kernel::tests
