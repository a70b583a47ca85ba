// The sanitizer over whole runs: silent on every config and without any influence; each seeded mistake is named. On the
// same runs every transaction's ledger is added up.
#include <algorithm>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

std::string configs() { return std::string(source_dir()) + "/configs"; }

// VT-d in scalable mode, first-level tables: strict, or with a device that leaves.
constexpr const char* kScalable = "soc.iommu.vt-d.like=scalable";
constexpr const char* kScalableStrict = "kernel.parameters.intel_iommu=sm_on,strict";
constexpr const char* kScalableLeaves =
    "kernel={variant: linux-6.12, parameters: {intel_iommu: sm_on}, after_boot: [{remove: \"0000:00:01.0\"}]}";

std::vector<std::string> all_configs() {
    std::vector<std::string> files;
    for (const char* folder : {"", "/studies", "/papers"}) {
        for (const auto& file : std::filesystem::directory_iterator(configs() + folder)) {
            if (file.path().extension() == ".yaml") files.push_back(file.path().string());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

Json result_of(const Scratch& scratch, const std::string& run) {
    return Json::parse(read_text(scratch.path(run + "/result.json")));
}

}  // namespace

TEST_CASE("sanitizer: every config is clean, changes no byte under it, and all ledgers add up", "[cli][sanitizer]") {
    std::uint64_t transactions = 0;
    std::uint64_t entries = 0;
    std::size_t clean = 0;
    for (const std::string& file : all_configs()) {
        CAPTURE(file);
        const Scratch scratch;
        const Said plain = run_xlate(scratch, "run " + quoted(file) + " --quiet --out plain");
        const Said said = run_xlate(scratch, "run " + quoted(file) + " --quiet --sanitize --out watched");
        INFO(said.err);
        CHECK(said.status == plain.status);
        CHECK(read_text(scratch.path("plain/console.log")) == read_text(scratch.path("watched/console.log")));
        Json without = result_of(scratch, "plain");
        CHECK(without.count("sanitizer") == 0);
        Json with = result_of(scratch, "watched");
        const Json sanitizer = with["sanitizer"];
        with.erase("sanitizer");
        // Families without rules say so.
        with.erase("warnings");
        without.erase("warnings");
        CHECK(with == without);
        CHECK(sanitizer["findings_total"] == 0);
        CHECK(sanitizer["findings"].empty());
        clean += sanitizer["findings"].empty() ? 1 : 0;
        std::uint64_t issued = 0;
        for (const Json& master : with["masters"]) issued += master["issued"].get<std::uint64_t>();
        CHECK(sanitizer["ledger"]["transactions"] == issued);
        CHECK(sanitizer["ledger"]["differing"] == 0);
        CHECK(sanitizer["ledger"]["open"] == 0);
        transactions += issued;
        for (const Json& iommu : sanitizer["iommus"]) {
            entries += iommu["entries"].get<std::uint64_t>();
            const std::uint64_t commands = iommu["commands"].get<std::uint64_t>();
            if (iommu["syncs"] != 0) CHECK(commands > 0);
        }
    }
    CHECK(clean >= 18);
    CHECK(transactions > 100'000);
    CHECK(entries > 10'000);
}

TEST_CASE("sanitizer: each seeded mistake is caught, with step, transaction and missing command", "[cli][sanitizer]") {
    struct Row {
        const char* mistake;
        const char* config;
        const char* rule;
        const char* function;  ///< of the step that wrote, or that freed
        const char* missing;   ///< what the finding's command begins with; "": none would do
        const char* given;     ///< part of how the nearest command missed
        const char* set = "";
        const char* set_too = "";
    };
    const Row rows[] = {
        {"unmap-without-tlbi", "strict", "missing-tlbi", "dma_unmap_single", "TLBI_NH_VA ASID 1 ", "before the change"},
        {"unmap-without-tlbi", "strict", "use-after-unmap", "dma_unmap_single", "TLBI_NH_VA ASID 1 ", ""},
        {"tlbi-without-sync", "strict", "missing-sync", "dma_unmap_single", "SYNC", "no SYNC behind it"},
        {"return-before-sync", "strict", "missing-sync", "dma_unmap_single", "SYNC", "no SYNC behind it"},
        {"wrong-asid", "strict", "missing-tlbi", "dma_unmap_single", "TLBI_NH_VA ASID 1 ", "ASID 2"},
        {"wrong-asid", "strict", "break-before-make", "dma_map_single", "TLBI_NH_VA ASID 1 ", "ASID 2"},
        {"cd-without-cfgi", "strict", "missing-cfgi-cd", "arm_smmu_share_asid", "CFGI_CD of stream 0x8", ""},
        {"ste-without-cfgi", "strict", "missing-cfgi-ste", "arm_smmu_write_strtab_ent", "CFGI_STE of stream 0x8", ""},
        {"wrong-stream", "strict", "missing-cfgi-ste", "arm_smmu_write_strtab_ent", "CFGI_STE of stream 0x8",
         "CFGI_STE of stream 0x9"},
        {"ste-valid-first", "strict", "torn-ste", "arm_smmu_write_strtab_ent", "", ""},
        {"commands-last", "strict", "torn-ste", "arm_smmu_write_strtab_ent", "", ""},
        {"cmdq-before-base", "strict", "base-not-set", "arm_smmu_device_reset", "", "", "limits.sim_time=10 ms"},
        {"flush-without-tlbi", "lazy", "missing-tlbi", "dma_unmap_single", "TLBI_NH_VA ASID 1 ", ""},
        {"leaf-only-walk", "mistakes/leaf_only_walk", "table-outlived", "dma_unmap_single", "TLBI_NH_VA ASID 1 ",
         "LEAF leaves it"},
        {"table-freed-before-sync", "mistakes/leaf_only_walk", "table-outlived", "dma_unmap_single", "SYNC",
         "no SYNC behind it"},
        {"short-range", "mistakes/leaf_only_walk", "table-outlived", "dma_unmap_single",
         "TLBI_NH_VA ASID 1 0xffffff9ff000", "range does not reach"},
        {"split-in-place", "mistakes/leaf_only_walk", "missing-tlbi", "dma_unmap_single",
         "TLBI_NH_VA ASID 1 0xffffff800000", "TTL or TG", "traffic[0].segments=1"},
        {"page-freed-while-mapped", "mistakes/leaf_only_walk", "page-outlived", "", "TLBI_NH_VA ASID 1 ", ""},
        {"unmap-without-atc-inv", "mistakes/unmap_without_atc_inv", "missing-atc-inv", "dma_unmap_single",
         "ATC_INV of stream 0x10 ", ""},
        {"unmap-without-atc-inv", "mistakes/unmap_without_atc_inv", "use-after-unmap", "dma_unmap_single",
         "ATC_INV of stream 0x10 ", ""},
        {"unmap-without-tlbi", "rockchip", "missing-tlbi", "rk_iommu_unmap", "ZAP_ONE_LINE 0xff", "before the change"},
        {"short-range", "rockchip", "missing-tlbi", "rk_iommu_unmap", "ZAP_ONE_LINE 0xff", "before the change"},
        {"zap-first-file-only", "rockchip", "missing-tlbi", "rk_iommu_unmap", "ZAP_ONE_LINE 0xff",
         "another address space"},
        {"zap-before-clear", "rockchip", "missing-tlbi", "rk_iommu_unmap", "ZAP_ONE_LINE 0xff", "before the change"},
        {"page-freed-while-mapped", "rockchip", "page-outlived", "", "ZAP_ONE_LINE 0xff", "",
         "traffic[0].unmap.after=5 us"},
        {"unmap-without-tlbi", "smmuv2", "missing-tlbi", "dma_unmap_single", "TLBIVA ASID 3 ", "before the change"},
        {"tlbi-without-sync", "smmuv2", "missing-sync", "dma_unmap_single", "TLBIVA ASID 3 ", ""},
        {"return-before-sync", "smmuv2", "missing-sync", "dma_unmap_single", "TLBIVA ASID 3 ", ""},
        {"wrong-asid", "smmuv2", "missing-tlbi", "dma_unmap_single", "TLBIVA ASID 3 ", "another address space"},
        {"short-range", "smmuv2", "missing-tlbi", "dma_unmap_single", "TLBIVA ASID 3 ", "before the change"},
        {"leaf-only-walk", "mistakes/leaf_only_walk", "table-outlived", "dma_unmap_single", "TLBIVA ASID ", "",
         "firmware.devicetree=smmuv2.dtb"},
        {"table-freed-before-sync", "mistakes/leaf_only_walk", "table-outlived", "dma_unmap_single", "TLBIVA ASID ", "",
         "firmware.devicetree=smmuv2.dtb"},
        {"page-freed-while-mapped", "mistakes/leaf_only_walk", "page-outlived", "", "TLBIVA ASID ", "",
         "firmware.devicetree=smmuv2.dtb"},
        {"unmap-without-tlbi", "dart", "missing-tlbi", "apple_dart_unmap_pages", "invalidate stream 2", "",
         "traffic[2].mapping=per-transfer"},
        {"unmap-without-tlbi", "tegra", "missing-tlbi", "tegra_smmu_set_pte", "TLB_FLUSH ASID 1 group 0x0",
         "before the change", "traffic[1].mapping=per-transfer"},
        {"unmap-without-tlbi", "exynos", "missing-tlbi", "exynos_iommu_unmap", "flush of 0xfffff000",
         "before the change"},
        {"unmap-without-tlbi", "mediatek", "missing-tlbi", "mtk_iommu_unmap", "INVALIDATE 0x2ff7ff000 to 0x2ff7fffff",
         "before the change"},
        {"unmap-without-tlbi", "ipmmu", "missing-tlbi", "ipmmu_unmap", "IMCTR.FLUSH of context 2", "before the change"},
        {"unmap-without-tlbi", "msm-iommu", "missing-tlbi", "qcom_iommu_unmap", "TLBIVA ASID 9 ", ""},
        {"unmap-without-tlbi", "sprd", "missing-tlbi", "sprd_iommu_unmap", "UPDATE", "before the change"},
        {"unmap-without-tlbi", "riscv", "missing-tlbi", "riscv_iommu_unmap_pages", "IOTINVAL.VMA PSCID 2 0xf",
         "before the change"},
        {"unmap-without-tlbi", "riscv", "use-after-unmap", "riscv_iommu_unmap_pages", "IOTINVAL.VMA PSCID 2 0xf", ""},
        {"tlbi-without-sync", "riscv", "missing-sync", "riscv_iommu_unmap_pages", "IOTINVAL.VMA PSCID 2 0xf", ""},
        {"return-before-sync", "riscv", "missing-tlbi", "riscv_iommu_unmap_pages", "IOTINVAL.VMA PSCID 2 0xf", ""},
        {"wrong-asid", "riscv", "missing-tlbi", "riscv_iommu_unmap_pages", "IOTINVAL.VMA PSCID 2 0xf",
         "another address space"},
        {"unmap-without-tlbi", "x86-amd", "missing-tlbi", "amd_iommu_unmap_pages",
         "INVALIDATE_IOMMU_PAGES domain 7 0xf", "before the change", "kernel.parameters.iommu.strict=1"},
        {"tlbi-without-sync", "x86-amd", "missing-tlbi", "amd_iommu_unmap_pages", "INVALIDATE_IOMMU_PAGES domain 7 0xf",
         "before the change", "kernel.parameters.iommu.strict=1"},
        {"return-before-sync", "x86-amd", "missing-sync", "amd_iommu_unmap_pages",
         "INVALIDATE_IOMMU_PAGES domain 7 0xf", "", "kernel.parameters.iommu.strict=1"},
        {"wrong-asid", "x86-amd", "missing-tlbi", "amd_iommu_unmap_pages", "INVALIDATE_IOMMU_PAGES domain 7 0xf",
         "domain 8: it speaks of another address space", "kernel.parameters.iommu.strict=1"},
        {"unmap-without-tlbi", "x86-vtd", "missing-tlbi", "intel_iommu_unmap_pages", "iotlb (page) DID 2 0xf",
         "before the change", "kernel.parameters.iommu.strict=1"},
        {"return-before-sync", "x86-vtd", "missing-tlbi", "intel_iommu_unmap_pages", "iotlb (page) DID 2 0xf", "",
         "kernel.parameters.iommu.strict=1"},
        {"wrong-asid", "x86-vtd", "missing-tlbi", "intel_iommu_unmap_pages", "iotlb (page) DID 2 0xf",
         "another address space", "kernel.parameters.iommu.strict=1"},
        {"short-range", "x86-vtd", "missing-tlbi", "intel_iommu_unmap_pages", "iotlb (page) DID 2 0xf", "",
         "kernel.parameters.iommu.strict=1"},
        {"ste-without-cfgi", "x86-vtd", "missing-config-inv", "domain_context_clear_one",
         "context cache (device) device 0x8", "", "kernel.after_boot=[{remove: \"0000:00:01.0\"}]"},
        {"reused-domain-id", "x86-vtd", "table-outlived", "", "iotlb (page) DID 1 0x", "",
         "kernel.after_boot=[{remove: \"0000:00:01.0\"}]"},
        {"ste-without-cfgi", "x86-amd", "missing-config-inv", "detach_device", "INVALIDATE_DEVTAB_ENTRY device 0x100",
         "", "kernel.after_boot=[{remove: \"0000:01:00.0\"}]"},
        {"reused-domain-id", "x86-amd", "table-outlived", "", "INVALIDATE_IOMMU_PAGES domain 6 0x", "",
         "kernel.after_boot=[{remove: \"0000:01:00.0\"}]"},
        {"unmap-without-tlbi", "x86-amd", "missing-tlbi", "amd_iommu_unmap_pages",
         "INVALIDATE_IOMMU_PAGES domain 7 PASID 0 0xf", "before the change",
         "kernel.parameters={amd_iommu: pgtbl_v2, iommu.strict: 1}", "soc.iommu.amd_vi.like=full"},
        {"unmap-without-tlbi", "x86-vtd", "missing-tlbi", "intel_iommu_unmap_pages",
         "pasid iotlb (page) DID 3 PASID 0 0xf", "before the change", kScalableStrict, kScalable},
        {"short-range", "x86-vtd", "missing-tlbi", "intel_iommu_unmap_pages", "pasid iotlb (page) DID 3 PASID 0 0xf",
         "", kScalableStrict, kScalable},
        {"wrong-asid", "x86-vtd", "missing-tlbi", "intel_iommu_unmap_pages", "pasid iotlb (page) DID 3 PASID 0 0xf",
         "pasid iotlb (page) DID 4", kScalableStrict, kScalable},
        {"return-before-sync", "x86-vtd", "missing-tlbi", "intel_iommu_unmap_pages",
         "pasid iotlb (page) DID 3 PASID 0 0xf", "", kScalableStrict, kScalable},
        {"ste-without-cfgi", "x86-vtd", "missing-config-inv", "domain_context_clear_one",
         "context cache (device) device 0x8", "", kScalableLeaves, kScalable},
        {"reused-domain-id", "x86-vtd", "table-outlived", "", "pasid iotlb (page) DID 2 PASID 0 0x", "",
         kScalableLeaves, kScalable},
        {"unmap-without-atc-inv", "x86-vtd", "missing-atc-inv", "intel_iommu_unmap_pages", "device tlb device 0x8 0xf",
         "", "traffic[0].mapping=per-transfer", "soc.pci[0].atc.enabled=true"},
        {"unmap-without-atc-inv", "x86-vtd", "use-after-unmap", "intel_iommu_unmap_pages", "device tlb device 0x8 0xf",
         "", "traffic[0].mapping=per-transfer", "soc.pci[0].atc.enabled=true"},
        {"unmap-without-atc-inv", "x86-amd", "missing-atc-inv", "amd_iommu_unmap_pages",
         "INVALIDATE_IOTLB_PAGES device 0x200 0xf", "before the change", "kernel.parameters.iommu.strict=1",
         "soc.pci[3].below[0].atc.enabled=true"},
        {"unmap-without-tlbi", "virtio", "missing-unmap", "dma_unmap_single", "UNMAP domain ", ""},
        {"attach-not-awaited", "virtio", "missing-attach", "viommu_attach_dev", "ATTACH domain ", ""},
        {"map-overlapping", "virtio", "missing-map", "viommu_map_pages", "MAP domain ", ""},
        {"reserved-not-avoided", "virtio", "reserved-mapped", "viommu_map_pages", "", "",
         "traffic[0].working_set=32 MiB"},
        {"detach-forgotten", "virtio", "missing-detach", "viommu_release_device", "DETACH domain ", "",
         "kernel.after_boot=[{remove: \"0000:00:01.0\"}]"},
        {"leaf-only-walk", "mistakes/vtd_leaf_only", "table-outlived", "intel_iommu_unmap_pages",
         "iotlb (page) DID 1 0xff", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.mistake, row.rule);
        const Scratch scratch;
        std::string command =
            "run " + quoted(configs() + "/" + row.config + ".yaml") + " --sanitize --set 'expect=[]' --out out";
        for (const char* set : {row.set, row.set_too}) {
            if (set[0] != 0) command += " --set " + quoted(set);
        }
        // Behind those that may set all of `kernel`.
        command += " --set 'kernel.mistakes=[" + std::string(row.mistake) + "]'";
        const Said said = run_xlate(scratch, command + " --junit out.xml");
        INFO(said.err);
        CHECK(said.status == 1);
        CHECK(said.err.find("the sanitizer found: ") != std::string::npos);
        CHECK(read_text(scratch.path("out.xml")).find("failures=\"1\"") != std::string::npos);
        const Json sanitizer = result_of(scratch, "out")["sanitizer"];
        const auto found = std::find_if(sanitizer["findings"].begin(), sanitizer["findings"].end(),
                                        [&](const Json& finding) { return finding["rule"] == row.rule; });
        REQUIRE(found != sanitizer["findings"].end());
        INFO(found->dump(1));
        const Json& step = (*found)["written_by"].is_null() ? (*found)["claimed_by"] : (*found)["written_by"];
        REQUIRE(step.is_object());
        CHECK_FALSE(step["task"].get<std::string>().empty());
        if (row.function[0] != 0) CHECK(step["functions"][0] == row.function);
        if (row.missing[0] == 0) {
            CHECK((*found)["missing"].is_null());
        } else {
            CHECK((*found)["missing"].get<std::string>().rfind(row.missing, 0) == 0);
            const std::string cached = (*found)["cached_for"].get<std::string>();
            CHECK((cached.rfind("transaction ", 0) == 0 || cached.rfind("nobody", 0) == 0));
        }
        if (row.given[0] != 0) CHECK((*found)["given"].get<std::string>().find(row.given) != std::string::npos);
        CHECK(read_text(scratch.path("out/console.log")).find("BUG: SMMUSAN: " + std::string(row.rule)) !=
              std::string::npos);
    }
}

TEST_CASE("sanitizer: without it the same mistakes pass unnoticed", "[cli][sanitizer]") {
    for (const char* mistake : {"wrong-asid", "tlbi-without-sync", "ste-without-cfgi"}) {
        CAPTURE(mistake);
        const Scratch scratch;
        const Said said = run_xlate(scratch, "run " + quoted(configs() + "/mistakes/wrong_asid.yaml") +
                                                 " --quiet --set kernel.sanitizer=false --set 'expect=[faults == 0]'" +
                                                 " --set 'kernel.mistakes=[" + mistake + "]' --out out");
        INFO(said.err);
        CHECK(said.status == 0);
    }
}

TEST_CASE("sanitizer: AMD-Vi's v2 tables are followed, and clean", "[cli][sanitizer]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "run " + quoted(configs() + "/x86-amd.yaml") +
                                             " --sanitize --quiet --set 'expect=[faults == 0]'" +
                                             " --set soc.iommu.amd_vi.like=full" +
                                             " --set 'kernel.parameters={amd_iommu: pgtbl_v2}' --out out");
    INFO(said.err);
    CHECK(said.status == 0);
    const Json sanitizer = result_of(scratch, "out")["sanitizer"];
    CHECK(sanitizer["findings_total"] == 0);
    CHECK(sanitizer["iommus"][0]["entries"].get<std::uint64_t>() > 100);
}

TEST_CASE("sanitizer: VT-d's first-level tables are followed, and clean", "[cli][sanitizer]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "run " + quoted(configs() + "/x86-vtd.yaml") +
                                             " --sanitize --quiet --set 'expect=[faults == 0]'" + " --set " +
                                             kScalable + " --set " + quoted(kScalableLeaves) + " --out out");
    INFO(said.err);
    CHECK(said.status == 0);
    const Json sanitizer = result_of(scratch, "out")["sanitizer"];
    CHECK(sanitizer["findings_total"] == 0);
    std::uint64_t entries = 0;
    for (const Json& iommu : sanitizer["iommus"]) entries += iommu["entries"].get<std::uint64_t>();
    CHECK(entries > 100);
    const Json structures = result_of(scratch, "out")["iommus"][1]["structures"];
    CHECK(structures["pasid_cache"]["lookups"] != 0);
    CHECK(structures["walk_cache_s1_level2"]["lookups"] != 0);
}

TEST_CASE("sanitizer: a device that leaves in lazy mode has unmapped what is freed behind it", "[cli][sanitizer]") {
    // AMD-Vi maps large buffers by leaves that several words repeat; a walk has come to some of them only.
    for (const char* device : {"0000:01:00.0", "0000:02:00.0", "0000:00:12.0", "0000:03:05.0"}) {
        CAPTURE(device);
        const Scratch scratch;
        const Said said = run_xlate(scratch, "run " + quoted(configs() + "/x86-amd.yaml") +
                                                 " --sanitize --quiet --set 'expect=[faults == 0]'" +
                                                 " --set 'kernel.after_boot=[{remove: \"" + device + "\"}]' --out out");
        INFO(said.err);
        CHECK(said.status == 0);
        CHECK(result_of(scratch, "out")["sanitizer"]["findings_total"] == 0);
    }
}

TEST_CASE("sanitizer: a config may expect what it finds", "[cli][sanitizer]") {
    for (const char* name : {"leaf_only_walk", "wrong_asid", "unmap_without_atc_inv", "vtd_leaf_only"}) {
        CAPTURE(name);
        const Scratch scratch;
        const Said said = run_xlate(scratch, "run " + quoted(configs() + "/mistakes/" + name + ".yaml") + " --out out");
        INFO(said.err);
        CHECK(said.status == 0);
        CHECK(said.out.find("Sanitizer (") != std::string::npos);
        const bool vtd = std::string_view{name} == "vtd_leaf_only";
        CHECK(said.out.find(vtd ? "written in intel_iommu_unmap_pages by " : "written in dma_unmap_single by ") !=
              std::string::npos);
    }
}

TEST_CASE("sanitizer: a mistake that nobody makes is status 2 and names the nearest", "[cli][sanitizer]") {
    const Scratch scratch;
    const Said said =
        run_xlate(scratch, "run " + quoted(configs() + "/strict.yaml") + " --set 'kernel.mistakes=[wrong-asd]'");
    CHECK(said.status == 2);
    CHECK(said.err.find("wrong-asid") != std::string::npos);
    const Said fast =
        run_xlate(scratch, "run " + quoted(configs() + "/strict.yaml") + " --sanitize --set soc.fidelity=fast");
    CHECK(fast.status == 2);
    CHECK(fast.err.find("soc.fidelity: exact") != std::string::npos);
}

TEST_CASE("virtio-iommu: a device that answers nothing ends in what Linux's watchdog says", "[cli]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "run " + quoted(configs() + "/virtio.yaml") +
                                             " --quiet --set 'expect=[]' --out out"
                                             " --set 'soc.iommu.tcu.command_decode=1000000000000 cycles'");
    INFO(said.err);
    CHECK(said.status == 1);
    CHECK(said.err.find("hard LOCKUP: 1 of its requests without an answer") != std::string::npos);
    const Json oops = result_of(scratch, "out")["kernel"]["oops"];
    REQUIRE(oops.size() == 1);
    CHECK(oops[0]["kind"] == "hung-task");
}
