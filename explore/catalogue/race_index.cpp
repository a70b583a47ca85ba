#include "explore/catalogue/race_index.hpp"

#include <fmt/format.h>

namespace xlate::explore {

namespace {

constexpr std::string_view kUntranslated = "it is bound without";
constexpr std::string_view kLate = "late IOMMU probe at driver bind";

/// Section 3.1, races between parser, walk and deferral.
std::vector<RaceRow> parser_rows() {
    return {
        {"R0",
         "two probes of one device without a probe lock",
         "r0",
         "null-dereference: NULL pointer at ID8 in dev_iommu_free",
         {"r0/pre-6.2/cpu0@ID8#15/4705"},
         {{"r0", "base", 11656}}},
        {"R1",
         "the container goes while fwspec_init installs the fwspec",
         "smmu-register",
         "null-dereference: NULL pointer at FI4 in iommu_fwspec_init",
         {"smmu-register/base/cpu0@FI4#4/b5f0", "cover-letter/base/cpu0@FI4#4/ab5c", "acpi/base/cpu0@FI4#4/a53d"},
         {{"cover-letter", "series-v1-fixed@11", 224}, {"acpi", "series-v1-fixed@10", 614}}},
        {"R2a",
         "the container goes while of_xlate stores its private data",
         "r2a",
         "null-dereference: NULL pointer at OX3 in dev_iommu_priv_set",
         {"r2a/base/cpu0@OX3/079b"},
         {{"r2a", "series-v1-fixed@11", 194}}},
        {"R2b",
         "the fwspec goes before an id is added: bound without IOMMU",
         "cover-letter",
         kUntranslated,
         {"cover-letter/base/cpu0@DD5,cpu1@ID1#6/c6a9", "acpi/base/cpu0@DD5,cpu1@ID1#6/f15a"},
         {{"cover-letter", "series-v1-fixed@11", 224}, {"acpi", "series-v1-fixed@10", 614}}},
        {"R2c",
         "ids are written into a freed fwspec",
         "smmu-register",
         "use-after-free: write of fwspec->ids[] at FA3",
         {"smmu-register/base/cpu0@start,cpu1@ID8#6,cpu0@FA3/7831",
          "cover-letter/base/cpu0@FI4#5,cpu1@ID8#16,cpu0@FA3#2/bcf4"},
         {{"cover-letter", "series-v1-fixed@11", 224}, {"acpi", "series-v1-fixed@10", 614}}},
        {"R3",
         "the fwspec is gone when the parser reads it again",
         "smmu-register",
         "null-dereference: NULL pointer at OIC6 in of_iommu_configure",
         {"smmu-register/base/cpu0@start,cpu1@REG4,cpu0@OIC6/30f6",
          "cover-letter/base/cpu0@FI4#5,cpu1@ID8#16,cpu0@OIC6/f644"},
         {{"cover-letter", "series-v1-fixed@11", 224}}},
        {"R4",
         "the device is probed between its ids: the later ones are lost",
         "cover-letter",
         "its IOMMU was given the ids [",
         {"cover-letter/base/cpu0@FA4#2/de3e", "cover-letter/base/cpu0@FA4/fe0b"},
         {{"cover-letter", "series-v1-fixed@11", 224}}},
        {"R5",
         "the fwspec moves while the driver reads it, or is freed twice",
         "cover-letter",
         "iommu_fwspec at ",
         {"cover-letter/base/cpu0@FA2#5/9dbd", "cover-letter/base/cpu0@FI4#5,cpu1@ID8#16,cpu0@FA2#3/88e4",
          "acpi/base/cpu0@FA2#5/95c4"},
         {{"cover-letter", "series-v1-fixed@11", 224}, {"acpi", "series-v1-fixed@10", 614}}},
        {"R6",
         "two containers are made, one is lost",
         "smmu-register",
         "leak: dev_iommu at ",
         {"smmu-register/base/cpu0@start,cpu1@ID1#4/a9ca", "smmu-register/base/cpu0@FI2#2,cpu1@ID8#9/7d06"},
         {{"cover-letter", "series-v1-fixed@11", 224}, {"acpi", "series-v1-fixed@10", 614}}},
        {"R7",
         "a marker of an earlier deferral is freed twice",
         "r7",
         "at FF in iommu_fwspec_free",
         {"r7/base/cpu0@FF#5/fb8b", "r7/base/cpu0@FF#5,cpu1@ID8#11/b1e2"},
         {{"r7", "series-v1-fixed@6", 775}}},
        {"R8",
         "an open-coded caller parses beside the client: ids twice",
         "r8",
         "(duplicated)",
         {"r8/base/cpu0@FI1/ef38"},
         {{"r8", "series-v1-fixed@11", 42}}},
        {"R9",
         "one thread: a failed parse counts as configured at the retry",
         "r9",
         "a half-parsed fwspec left behind",
         {"r9/base//1c69"},
         {{"r9", "series-v1-fixed@8", 7}, {"r9", "linux-6.12", 7}}},
    };
}

/// Section 3.1, the others.
std::vector<RaceRow> other_rows() {
    return {
        {"R10",
         "two drivers register: the wrong one probes",
         "r10",
         "an outcome that no sequential order gives",
         {"r10/base/cpu0@REG4/18e3"},
         {{"r10", "linux-6.12", 5474}}},
        {"R11a",
         "a failed registration leaves the bus ops of an unloaded module",
         "r11a",
         "call of iommu_ops of an unloaded module",
         {"r11a/base//aeff"},
         {{"r11a", "mainline-6.8", 1}}},
        {"R11b",
         "a walk that ends early leaves a group without a default domain",
         "r11b",
         "a bound device's group has no domain",
         {"r11b/base/cpu0@OIC1>cpu1,cpu1@PD2,cpu0@PD2>cpu1,cpu1@PR3/470d"},
         {}},
        {"R12a",
         "unregistration frees the container of a probe under way",
         "r12a",
         "null-dereference: NULL pointer at ID7 in iommu_init_device",
         {"r12a/base/cpu0@ID7#2/f899"},
         {}},
        {"R12b",
         "a client stays attached to an IOMMU that has gone",
         "r12a",
         "an outcome that no sequential order gives",
         {"r12a/base/cpu0@OIX1#3/fd23"},
         {}},
        {"R12c",
         "probe_finalize follows a member that is being removed",
         "r12c",
         "null-dereference: NULL pointer at BIP2 in bus_iommu_probe",
         {"r12c/base/cpu0@BIP2#3/3409"},
         {}},
        {"R12d",
         "a walk's group is freed before its turn comes",
         "r12c",
         "use-after-free: use of iommu_group at BIP2",
         {"r12c/base/cpu0@BIP2#5/376f"},
         {}},
        {"R13",
         "the second IOMMU is late: an error instead of a deferral",
         "r13",
         kUntranslated,
         {"r13/series-v1@17//b776"},
         {{"r13", "mainline-6.11", 1}, {"r13", "linux-6.12", 1}}},
        {"R14",
         "must not hang: deferred at the moment at which the IOMMU binds",
         "r14",
         "deferred for ever",
         {},
         {{"r14", "base", 2239}, {"r14", "series-v1@17", 0}, {"r14", "murphy-6.7", 0}}},
        {"R15",
         "private data allocated in of_xlate leaks",
         "r2a",
         "leak: master at OX2 in of_xlate",
         {"r2a/base/cpu0@DD5,cpu1@ID1#6/63f8"},
         {{"r2a", "series-v1-fixed@11", 194}}},
        {"R16",
         "a group goes while another device joins it",
         "r16",
         "at ID6 in device_group",
         {"r16/base/cpu0@ID6#2/4285"},
         {}},
        {"R17",
         "DMA starts between a walk and its default domains",
         "r17",
         "DMA starts while the device's group has no domain",
         {"r17/base/cpu0@PD2,cpu1@BIP2/b0f8"},
         {{"r17", "linux-6.12", 1358}, {"r17", "mainline-6.15", 164}}},
        {"R18", "two orders of binding, two group maps; nothing is reported", "r18", "", {}, {}},
        {"R19", "the group's domain depends on the order; nothing is reported", "r19", "", {}, {}},
        {"R20",
         "must not miss a device that is added during a registration",
         "r20",
         kUntranslated,
         {},
         {{"r20", "series-v1-fixed@17", 1032}}},
        {"R21",
         "two walks parse the same device while the probe lock is given up (no crash, but see F31)",
         "r21",
         "null-dereference",
         {"r21/mainline-6.15/cpu0@ID'#11/8563"},
         {{"r21", "mainline-6.15.1", 123614}}},
        {"R22",
         "a client beside its SMMU's walk is probed late",
         "r22",
         kLate,
         {"r22/mainline-6.15/cpu0@OIC1/2e7b", "r22/mainline-6.15.1/cpu0@DD12/9685"},
         {}},
        {"R23",
         "the same with a second IOMMU, also at 6.15.1",
         "r23",
         kLate,
         {"r23/mainline-6.15.1/cpu0@OIC1/ef89"},
         {}},
        {"R24",
         "the client finds its IOMMU registered, not bound yet",
         "r24",
         "null-dereference: NULL pointer at PR7 in probe_device",
         {"r24/base/cpu0@DD2,cpu1@BIP1#3/0a8d"},
         {{"r24", "linux-6.1", 208}, {"r24", "linux-6.12", 167}}},
        {"R25",
         "6.1: walk and replay both saw no group; a live container is freed",
         "cover-letter",
         "the device has private data already",
         {"cover-letter/linux-6.1/cpu0@IPD/99f8"},
         {{"cover-letter", "series-v1-fixed@17", 224}}},
        {"R26",
         "arm-smmu's deferral ends its own walk; the client may lose its IOMMU",
         "r24",
         kUntranslated,
         {"r24/linux-6.1/cpu0@start,cpu1@REG4/e67e", "r24/linux-6.12/cpu0@OIC1,cpu1@BIP1#4,cpu0@PD2/c427"},
         {{"r24", "mainline-6.15", 1510}}},
        {"R27",
         "6.1, one thread: removal of a device with a leftover container",
         "r27",
         "null-dereference: NULL pointer at REL in iommu_release_device",
         {"r27/linux-6.1//0d9e"},
         {{"r27", "base", 1}}},
    };
}

/// Section 4.4.
std::vector<RaceRow> defect_rows() {
    return {
        {"D-1",
         "ARM32: the architecture has attached a mapping, the client's own attach is refused",
         "d-1",
         "its driver's own attach is refused (-EBUSY)",
         {"d-1/series-v1@1//edc1", "d-1-register/series-v1@17/cpu0@FX1#3/5e33"},
         {{"d-1", "base", 1}, {"d-1-register", "base", 579}, {"d-1", "linux-6.1", 1}, {"d-1", "linux-6.12", 1}}},
        {"D-3",
         "a device without a bus",
         "d-3",
         "null-dereference: NULL pointer at PD1",
         {"d-3/series-v1@3//a729"},
         {{"d-3", "base", 1}, {"d-3", "series-v1@7", 1}}},
        {"D-5a",
         "every id reads 0 as soon as there are two",
         "d-5",
         "the device has [0, 0]",
         {"d-5/series-v1@5//9c61"},
         {{"d-5", "series-v1@4", 1}, {"d-5", "series-v1-fixed@5", 1}}},
        {"D-5b",
         "nobody frees the array of ids",
         "d-5b",
         "leak: fwspec ids",
         {"d-5b/series-v1@5//84f1"},
         {{"d-5b", "series-v1-fixed@5", 2}}},
        {"D-6",
         "the IOMMU registers between two look-ups: configured, never probed",
         "d-6",
         "a half-parsed fwspec left behind",
         {"d-6/series-v1@6/cpu0@FI2#2/ba63"},
         {{"d-6", "series-v1-fixed@6", 0}}},
        {"D-8a",
         "a second configure takes the fwspec of a probed device",
         "d-8a",
         "a probed device has no fwspec",
         {"d-8a/series-v1@8//0acc"},
         {{"d-8a", "series-v1-fixed@17", 1}}},
        {"D-8a (SMMU)",
         "the same; release_device reads the missing fwspec",
         "d-8a-smmu",
         "null-dereference: NULL pointer at RL2 in release_device",
         {"d-8a-smmu/series-v1@8//2511"},
         {{"d-8a-smmu", "series-v1@15", 14}}},
        {"D-8b",
         "the driver's module is unloaded while its of_xlate runs",
         "d-8b",
         "use-after-free: use of module at OX",
         {"d-8b/series-v1@8/cpu0@FX5#2/c971", "d-8b/series-v1@17/cpu0@FX2/b531"},
         {{"d-8b", "base", 14}, {"d-8b", "series-v1-fixed@8", 0}, {"d-8b", "series-v1-fixed@17", 14}}},
        {"D-8c",
         "a walk probes with the parser's private fwspec",
         "r17",
         "the fwspec of a probed device is freed",
         {"r17/series-v1@8/cpu0@FX7#3,cpu1@PS4#6/849a"},
         {{"r17", "series-v1@8~D-8c", 0}, {"r17", "series-v1@11", 0}}},
        {"D-10a",
         "ACPI frees the fwspec that it has just installed",
         "d-10a",
         "the fwspec of a probed device is freed",
         {"d-10a/series-v1@10//58a2"},
         {{"d-10a", "series-v1@9", 1}, {"d-10a", "series-v1-fixed@10", 1}}},
        {"D-10a (again)",
         "a second configure puts the freed fwspec",
         "d-10a-again",
         "use-after-free: use of iommu_fwspec at AIC6",
         {"d-10a-again/series-v1@10//f7b3"},
         {{"d-10a-again", "series-v1-fixed@10", 7}}},
        {"D-10b", "an ACPI client gives up waiting; nothing is reported", "acpi-timeout", "", {}, {}},
        {"D-10c", "the VIOT goes on with what the IORT left; nothing is reported", "d-10c", "", {}, {}},
        {"D-11",
         "a walk between two entries finds private data and no fwspec",
         "d-11-mtk",
         "null-dereference: NULL pointer at PR4 in probe_device",
         {"d-11-mtk/series-v1@11/cpu0@PS1/dff0"},
         {{"d-11-mtk", "series-v1-fixed@11", 224}, {"d-11-mtk", "series-v1@11~D-11", 224}}},
        {"D-11 (ii)",
         "the same, and the driver takes half of the IOMMUs",
         "d-11-dart",
         "an outcome that no sequential order gives",
         {"d-11-dart/series-v1@17/cpu0@PS1/1a17"},
         {{"d-11-dart", "series-v1-fixed@17", 254}, {"d-11-dart", "series-v1@17~D-11", 254}}},
        {"D-11b",
         "one thread: a failed parse leaves private data for the next walk",
         "d-11b",
         "firmware puts it behind 2 IOMMUs, its driver knows 1",
         {"d-11b/series-v1@11//7bbb"},
         {{"d-11b", "series-v1@11~D-11b", 7}, {"d-11b", "series-v1-fixed@17", 1}}},
        {"D-13",
         "R13, kept by the series",
         "r13",
         kUntranslated,
         {"r13/series-v1@17//b776"},
         {{"r13", "series-v1-fixed@17", 1}}},
    };
}

/// docs/findings.md: what the specification does not list, where a real board was lost by it or a row is not the whole.
std::vector<RaceRow> finding_rows() {
    return {
        {"F30",
         "a master of two msm IOMMUs: the second one's walk follows private data that are gone (APQ8064)",
         "apq8064",
         "null-dereference: NULL pointer at OX4 in of_xlate",
         {"apq8064/linux-7.3//6f50"},
         {{"apq8064", "linux-6.1", 49}, {"apq8064", "linux-6.12", 49}}},
        {"F31",
         "R21 since 6.15.1: each of two walks leaves the device to the other",
         "r21",
         "an outcome that no sequential order gives: dev0: unbound no group",
         {"r21/linux-7.3/cpu0@REG3,cpu1@ID'#26,cpu0@OIC1#3/74e8"},
         {}},
        {"F31 (ACPI)",
         "the same; no replay makes it up: the client is bound without its IOMMU",
         "missed-acpi",
         kUntranslated,
         {"missed-acpi/linux-7.3/"
          "cpu0@start,cpu1@DD0#3,cpu0@DD0,cpu1@BIP1#6,cpu0@DD7,cpu1@DD7#3,cpu0@AIC1#3/fcdf"},
         {}},
    };
}

}  // namespace

const std::vector<RaceRow>& race_index() {
    static const std::vector<RaceRow> all = [] {
        std::vector<RaceRow> rows = parser_rows();
        for (const auto& more : {other_rows(), defect_rows(), report_rows(), finding_rows()})
            rows.insert(rows.end(), more.begin(), more.end());
        return rows;
    }();
    return all;
}

std::vector<RowStep> row_steps(std::string_view scenario) {
    constexpr std::string_view kAt = "at ", kIn = " in ";
    std::vector<RowStep> steps;
    for (const RaceRow& row : race_index()) {
        if (row.scenario != scenario) continue;
        const std::size_t at = row.sign.rfind(kAt);
        if (at == std::string_view::npos || (at != 0 && row.sign[at - 1] != ' ')) continue;
        const std::string_view rest = row.sign.substr(at + kAt.size());
        const std::string_view step = rest.substr(0, rest.find(' '));
        const std::string_view more = rest.substr(step.size());
        if (step.empty() || step.find_first_of("0123456789") == std::string_view::npos) continue;  // a word
        steps.push_back({row.id, step, more.substr(0, kIn.size()) == kIn ? more.substr(kIn.size()) : ""});
    }
    return steps;
}

std::string race_index_text() {
    std::string text =
        "| id | what goes wrong | file | schedules that show it | in no schedule of |\n|---|---|---|---|---|\n";
    for (const RaceRow& row : race_index()) {
        std::vector<std::string> shown;
        for (const std::string_view token : row.tokens) shown.push_back(fmt::format("`{}`", token));
        std::vector<std::string> gone;
        for (const RaceGone& one : row.gone) {
            gone.push_back(one.scenario == row.scenario ? std::string(one.variant)
                                                        : fmt::format("{} ({})", one.variant, one.scenario));
        }
        text += fmt::format("| {} | {} | {}.yaml | {} | {} |\n", row.id, row.what, row.scenario, fmt::join(shown, " "),
                            fmt::join(gone, ", "));
    }
    text +=
        "\nReports of docs/spec/probe-reports.md by kernel: found in a schedule of the scenario, or in none (-).\n\n| "
        "id | scenario |";
    std::string rule = "|---|---|";
    for (const std::string_view kernel : report_kernels()) {
        text += fmt::format(" {} |", kernel.substr(kernel.find('-') + 1));
        rule += "---|";
    }
    text += "\n" + rule + "\n";
    for (const ReportVerdicts& row : report_verdicts()) {
        text += fmt::format("| {} | {} |", row.id, row.scenario);
        for (const std::string_view kernel : report_kernels()) text += row.found_in(kernel) ? " found |" : " - |";
        text += "\n";
    }
    text += "\nReports of docs/spec/probe-reports.md that no scenario shows:\n";
    for (const UnshownReport& one : unshown_reports()) text += fmt::format("- {}: {}.\n", one.id, one.why);
    return text;
}

}  // namespace xlate::explore
