// Boards as they come: why masters are not translated, PCI domains, overlays; and that `inspect` promises what `run`
// does.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/corpus.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

std::string field(const std::string& name) { return quoted((*corpus() / "field" / name).string()); }

/// The result of a run of a case, whatever its expectations come to.
Json result_of(const Scratch& scratch, const std::string& input, const std::string& options = "") {
    const Said said = run_xlate(scratch, "run " + input + " --quiet --out result " + options);
    INFO(said.err);
    REQUIRE((said.status == 0 || said.status == 1));
    return Json::parse(read_text(scratch.path("result/result.json")));
}

Json device(const Json& result, const std::string& name) {
    for (const Json& one : result["devices"]) {
        if (one["name"] == name) return one;
    }
    FAIL("no device " << name);
    return {};
}

std::string why(const Json& result, const std::string& name) {
    for (const Json& one : result["untranslated"]) {
        if (one["device"] == name) return one["kind"].get<std::string>() + ": " + one["why"].get<std::string>();
    }
    return "translated";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<fs::path> boards() {
    std::vector<fs::path> found;
    for (const char* folder : {"dtb", "field", "linux-boot", "linux-boot-families", "linux-boot-newer", "broken"}) {
        const fs::path where = *corpus() / folder;
        if (!fs::is_directory(where)) continue;
        for (const auto& entry : fs::recursive_directory_iterator(where)) {
            if (entry.path().extension() == ".dtb") found.push_back(entry.path());
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace

TEST_CASE("boards: an SMMU that is reserved leaves its functions untranslated, and run says so", "[cli][corpus]") {
    if (skip_without("field/02-smmu-status-reserved")) return;
    const Scratch scratch;
    const Json result = result_of(scratch, field("02-smmu-status-reserved/run.yaml"));
    CHECK(device(result, "0000:01:00.0")["group"].is_null());
    CHECK(has(why(result, "0000:01:00.0"), "provider-disabled: "));
    CHECK(has(why(result, "0000:01:00.0"), "status is reserved"));
}

TEST_CASE("boards: an alias that is another's is refused, by name", "[cli][corpus]") {
    if (skip_without("field/03-bmc-vga-usb")) return;
    const Scratch scratch;
    const Json result = result_of(scratch, field("03-bmc-vga-usb/run.yaml"));
    CHECK(device(result, "0000:02:00.0")["ids"] == Json({0x200, 0x200}));
    CHECK(has(why(result, "0000:02:02.0"), "refused: id 0x200 at 490d0000.iommu belongs to 0000:02:00.0"));
}

TEST_CASE("boards: iommus of a host bridge groups the bridge alone", "[cli][corpus]") {
    if (skip_without("field/05-iommus-on-host-bridge")) return;
    const Scratch scratch;
    const Json result = result_of(scratch, field("05-iommus-on-host-bridge/run.yaml"));
    REQUIRE(result["groups"].size() == 1);
    CHECK(result["groups"][0]["devices"] == Json({"1000000000.pcie"}));
    CHECK(has(why(result, "0000:01:00.0"), "does not reach its functions"));
    const Said said = run_xlate(scratch, "inspect " + field("05-iommus-on-host-bridge/board.dtb"));
    CHECK(has(said.out, "iommus of a PCI host bridge without iommu-map"));
}

TEST_CASE("boards: children without compatible make no device and no traffic", "[cli][corpus]") {
    if (skip_without("field/07-codec-children")) return;
    const Scratch scratch;
    const Json result = result_of(scratch, field("07-codec-children/run.yaml"));
    for (const Json& one : result["untranslated"]) CHECK(one["kind"] == "no-device");
    CHECK(result["untranslated"].size() == 2);
    for (const Json& master : result["masters"]) CHECK(master["started"] == true);
}

TEST_CASE("boards: functions carry the domain of their host bridge everywhere", "[cli][corpus]") {
    if (skip_without("field/21-pci-segment-1")) return;
    const Scratch scratch;
    for (const char* config : {"dt.yaml", "dt1.yaml"}) {
        const Json result = result_of(scratch, field(std::string("21-pci-segment-1/") + config));
        CHECK(device(result, "0001:00:01.0")["group"] == 0);
        CHECK(result["masters"][0]["device"] == "0001:00:01.0");
        CHECK(result["masters"][0]["reads"].get<int>() + result["masters"][0]["writes"].get<int>() == 10);
    }
    const Said wrong = run_xlate(scratch, "run " + field("21-pci-segment-1/dt0.yaml"));
    CHECK(wrong.status == 2);
    CHECK(has(wrong.err, "did you mean '0001:00:01.0'?"));
    const Json acpi = result_of(scratch, field("21-pci-segment-1/acpi.yaml"));
    CHECK(acpi["masters"][0]["device"] == "0001:00:02.0");
    CHECK(acpi["masters"][0]["started"] == true);
    // The second host is scanned after ACS was asked for: its port and endpoint are apart.
    const Json two = result_of(scratch, field("21-pci-segment-1/two-small.yaml"));
    CHECK(device(two, "0000:01:00.0")["group"] == device(two, "0000:00:01.0")["group"]);
    CHECK(device(two, "0001:01:00.0")["group"] != device(two, "0001:00:01.0")["group"]);
    const Said contradiction =
        run_xlate(scratch, "run " + field("21-pci-segment-1/dt.yaml") + " --set 'soc.pci[0].slot=\"0000:00:01.0\"'");
    CHECK(contradiction.status == 2);
    CHECK(has(contradiction.err, "no PCI host bridge of the firmware is domain 0000"));
}

TEST_CASE("boards: --why goes from a device to its id", "[cli][corpus]") {
    if (skip_without("field/03-bmc-vga-usb") || skip_without("field/21-pci-segment-1")) return;
    const Scratch scratch;
    const Said said = run_xlate(scratch, "inspect " + field("21-pci-segment-1/board.dtb") + " --why 00:01.0 --json");
    REQUIRE(said.status == 0);
    const Json json = Json::parse(said.out);
    CHECK(json["device"] == "0001:00:01.0");
    CHECK(json["end"] == "behind");
    CHECK(json["ids"] == Json({8}));
    const Said wrong = run_xlate(scratch, "inspect " + field("21-pci-segment-1/board.dtb") + " --why 0000:00:01.0");
    CHECK(wrong.status == 2);
    CHECK(has(wrong.err, "did you mean '0001:00:01.0'?"));
    // Behind a conventional bridge the bridge answers too.
    const Said alias = run_xlate(scratch, "inspect " + field("03-bmc-vga-usb/run.yaml") + " --why 0000:02:02.0");
    CHECK(has(alias.out, "requester id 0x200 (an alias of it)"));
}

TEST_CASE("boards: an overlay is no board, applied to one it changes it, a label that is not there is named",
          "[cli][corpus]") {
    if (skip_without("field/21-pci-segment-1") || skip_without("field/26-overlay")) return;
    const Scratch scratch;
    for (const char* command : {"run ", "inspect "}) {
        const Said said = run_xlate(scratch, command + field("26-overlay/el2.dtbo"));
        CHECK(said.status == 3);
        CHECK(has(said.err, "this is an overlay, not a board"));
    }
    const Said lacking =
        run_xlate(scratch, "inspect " + field("21-pci-segment-1/board.dtb") + " " + field("26-overlay/el2.dtbo"));
    CHECK(lacking.status == 3);
    CHECK(has(lacking.err, "__symbols__"));
}

TEST_CASE("boards: what inspect promises is what run does, and every other master has its reason", "[cli][corpus]") {
    if (skip_without_corpus()) return;
    std::size_t compared = 0;
    for (const fs::path& board : boards()) {
        CAPTURE(board.string());
        const Scratch scratch;
        const Said said = run_xlate(scratch, "inspect " + quoted(board.string()) + " --json");
        if (said.status != 0) continue;  // a broken one
        const Json promised = Json::parse(said.out);
        if (promised["groups"].empty() && promised["maps"].empty() && promised["refused"].empty()) continue;
        const Json result = result_of(scratch, quoted(board.string()), "--set 'traffic=[]'");
        std::set<std::string> modelled;
        for (const Json& iommu : result["iommus"]) modelled.insert(iommu["path"].get<std::string>());
        std::map<std::string, Json> group_of;  // by path of the node
        for (const Json& one : result["devices"]) {
            if (one["path"] != "") group_of[one["path"]] = one["group"];
        }
        std::map<std::string, std::string> reasons;
        for (const Json& one : result["untranslated"]) {
            CHECK_FALSE(one["why"].get<std::string>().empty());
            const std::string key =
                one["path"] == "" ? one["device"].get<std::string>() : one["path"].get<std::string>();
            CHECK(reasons.emplace(key, one["kind"].get<std::string>()).second);
        }
        std::map<Json, std::string> group_is;  // group of the run -> first member of the promised one
        for (const Json& group : promised["groups"]) {
            for (const Json& member : group["members"]) {
                const std::string path = member;
                CAPTURE(path);
                const auto found = group_of.find(path);
                const bool grouped = found != group_of.end() && !found->second.is_null();
                if (modelled.count(group["iommu"]) == 0) {
                    CHECK(reasons.count(path) == 1);
                    continue;
                }
                CHECK(grouped == (reasons.count(path) == 0));
                if (!grouped) {
                    // Promised by firmware; what keeps it from that is another device's state, or a driver.
                    const std::set<std::string> allowed{
                        "deferred",  "suppliers", "iommu-not-ready", "no-device",
                        "no-driver", "no-group",  "refused"};  // an id that this very hardware lacks
                    CHECK(allowed.count(reasons[path]) == 1);
                    continue;
                }
                ++compared;
                if (group.value("may_share", false)) continue;
                const std::string first = group["members"][0];
                CHECK(group_is.emplace(found->second, first).first->second == first);
            }
        }
        for (const Json& one : promised["refused"]) {
            const std::string path = one["path"];
            CAPTURE(path);
            const auto found = group_of.find(path);
            CHECK((found == group_of.end() || found->second.is_null()));
            CHECK(reasons.count(path) == 1);
        }
        // No group that was not promised, among devices with a node of their own.
        std::set<std::string> members;
        for (const Json& group : promised["groups"]) {
            for (const Json& member : group["members"]) members.insert(member.get<std::string>());
        }
        for (const auto& [path, group] : group_of) {
            CAPTURE(path);
            if (!group.is_null()) CHECK(members.count(path) + reasons.count(path) >= 1);
        }
    }
    went_over(compared, "board with a group");
}

TEST_CASE("boards: an IORT node that refers to itself is named, and a run ends", "[cli][corpus]") {
    if (skip_without("field/12-iort-no-its")) return;
    const Scratch scratch;
    const Said said =
        run_xlate(scratch, "inspect " + field("12-iort-no-its/iort-self.dat") + " " + field("12-iort-no-its/mcfg.dat"));
    CHECK(said.status == 0);
    CHECK(has(said.out, "is the node itself"));
    const Json result = result_of(scratch, field("12-iort-no-its/self.yaml"));
    CHECK(has(why(result, "0000:00:01.0"), "no-map-row: "));
}

TEST_CASE("boards: a kernel parameter that does nothing is named with what it is", "[cli][corpus]") {
    if (skip_without("field/23-kernel-params")) return;
    const Scratch scratch;
    const Said pt = run_xlate(scratch, "run " + field("23-kernel-params/pt.yaml"));
    CHECK(pt.status == 2);
    CHECK(has(pt.err, "kernel.parameters.iommu: this kernel parameter means nothing on this architecture"));
    const Said dashes = run_xlate(scratch, "run " + field("23-kernel-params/dashes.yaml"));
    // A parameter of a driver that the board has no use for.
    CHECK(dashes.status == 0);
    CHECK(has(dashes.out,
              "warning: kernel.parameters.arm-smmu.force_stage changes nothing: the firmware has no IOMMU of "
              "the driver arm-smmu"));
}

TEST_CASE("boards: ids beyond the preset's width make a wider SMMU, a config that says no is named", "[cli][corpus]") {
    if (skip_without("field/21-pci-segment-1")) return;
    const Scratch scratch;
    const Json two = result_of(scratch, field("21-pci-segment-1/two.yaml"));
    CHECK(device(two, "0001:01:00.0")["ids"] == Json({0x10100}));
    CHECK_FALSE(device(two, "0001:01:00.0")["group"].is_null());
    const Json narrow = result_of(scratch, field("21-pci-segment-1/two.yaml"), "--set soc.iommu.features.sid_bits=16");
    CHECK(device(narrow, "0001:01:00.0")["group"].is_null());
    CHECK(has(why(narrow, "0001:01:00.0"), "refused: "));
    bool named = false;
    for (const Json& warning : narrow["warnings"])
        named = named || has(warning.get<std::string>(), "/soc/pcie@4c380000: iommu-map row 0 leads to id 0x1ffff");
    CHECK(named);
}
