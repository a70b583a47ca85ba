// A boot of the corpus: its firmware, its PCI functions, what the real kernel did with them.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "firmware/acpi/describe.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/system.hpp"
#include "tests/corpus.hpp"
#include "tests/kernel-model/core_test_world.hpp"

namespace xlate::kernel::tests {

using Json = nlohmann::json;

Json load_truth(const std::string& name, const char* folder = "linux-boot");

/// The kind of a QEMU device, by its ids.
PciKind kind_of(const std::string& id, const std::string& code);

/// The PCI functions of a truth.json, hung below their bridges as sysfs shows them.
std::vector<PciRoot> topology_of(const Json& truth);

/// "7.3.4+deb13-arm64" is linux-7.3; of a release without a variant the nearest older one.
std::string variant_of(const Json& truth);

BootConfig config_of(const Json& truth);

firmware::Description firmware_of(const std::string& name, const Json& truth, const char* in = "linux-boot");

/// A finished boot of a corpus case.
struct CorpusBoot {
    explicit CorpusBoot(const std::string& name, const char* folder = "linux-boot");
    ~CorpusBoot() { world.k.sched.kill_all(); }
    Json truth;
    firmware::Description description;
    World world;
    KernelSystem system;
    LinuxBoot boot;
};

/// By number: type and members.
using Groups = std::map<unsigned, std::pair<std::string, std::set<std::string>>>;
/// Those that a truth.json recorded, and those that a boot made.
Groups groups_of(const Json& truth);
Groups groups_of(const LinuxBoot& boot);

/// One event as text, without times. `by`: the thread's kind only (which kworker is not ours to say; the corpus
/// calls the init task by two names).
std::string line_of(const std::string& event, const std::string& driver, const std::string& ret, const std::string& by,
                    const std::string& caller, const std::string& ids, const std::string& group);

using Sequences = std::map<std::string, std::vector<std::string>>;

/// Device -> its events. Repeats of a deferred attempt count once, whoever made them (their number is timing).
Sequences collapse(const Sequences& all);

Sequences sequences_of(const Json& truth);

Sequences sequences_of(const EventLog& log);

}  // namespace xlate::kernel::tests
