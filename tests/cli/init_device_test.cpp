// `xlate init --device`: from a question to a config that runs, and its study.
#include <string>

#include <nlohmann/json.hpp>

#include "iommu/families.hpp"
#include "study/init/device/board_family.hpp"
#include "tests/cli/program.hpp"

using namespace xlate::tests;
using Json = nlohmann::json;

namespace {

Json result_of(const Scratch& scratch, const std::string& run) {
    return Json::parse(read_text(scratch.path("out/" + run + "/result.json")));
}

}  // namespace

TEST_CASE("init --device: every kind and mapping makes a config that runs and moves what was asked", "[cli][init]") {
    const Scratch scratch;
    for (const std::string kind : {"nic", "nvme", "gpu", "display", "dma"}) {
        for (const std::string mapping : {"once", "ring", "per-transfer"}) {
            CAPTURE(kind, mapping);
            const Said made = run_xlate(scratch, "init c.yaml --force --device " + kind + " --mapping " + mapping +
                                                     " --rate '1 GB/s' --working-set '512 KiB' --pages huge");
            REQUIRE(made.err.empty());
            REQUIRE(made.status == 0);
            const Said ran = run_xlate(scratch, "run c.yaml");
            CHECK(ran.status == 0);
            CHECK(ran.err.empty());
            const Json result = result_of(scratch, "c");
            const Json& master = result["masters"][0];
            CHECK(master["asked_bytes_per_s"] == 1'000'000'000);
            CHECK(master["bandwidth_bytes_per_s"].get<double>() <= 1.03e9);
            if (mapping != "per-transfer") CHECK(master["bandwidth_bytes_per_s"].get<double>() > 0.97e9);
            CHECK(result["devices"].dump().find("\"domain\":\"DMA\"") != std::string::npos);
            CHECK(run_xlate(scratch, "sweep plan c.yaml").status == 0);
        }
    }
}

TEST_CASE("init --iommu: every family has a board, and what it asks of its TLB has an effect", "[cli][init]") {
    const Scratch scratch;
    for (const xlate::iommu::Family& family : xlate::iommu::families()) {
        CAPTURE(family.name);
        if (family.name == "smmuv1") continue;  // as smmuv2, with fewer registers
        CHECK(xlate::study::find_board_family(family.name) != nullptr);
    }
    for (const xlate::study::BoardFamily& family : xlate::study::board_families()) {
        const std::string name(family.name);
        for (const std::string mapping : {"once", "ring", "per-transfer"}) {
            CAPTURE(name, mapping);
            const std::string kind = family.pci && mapping != "ring" ? "nic" : "display";
            const Said made =
                run_xlate(scratch, "init c.yaml --force --device " + kind + " --iommu " + name + " --mapping " +
                                       mapping + " --rate '400 MB/s' --working-set '2 MiB' --packet '1 KiB'");
            REQUIRE(made.err.empty());
            REQUIRE(made.status == 0);
            const std::string cut = std::string(" --set 'traffic[0].transfers=2000'") +
                                    (mapping == "per-transfer" ? "" : " --set 'traffic[0].warmup=0'");
            const Said ran = run_xlate(scratch, "run c.yaml" + cut);
            CHECK(ran.status == 0);
            CHECK(ran.err.empty());
            const Json result = result_of(scratch, "c");
            const Json& master = result["masters"][0];
            CHECK(master["faults"] == 0);
            CHECK(master["issued"].get<int>() >= 2000);
            std::uint64_t translations = 0, bypassed = 0;
            for (const Json& iommu : result["iommus"]) {
                translations += iommu["translations"].get<std::uint64_t>();
                bypassed += iommu["bypassed"].get<std::uint64_t>();
            }
            CHECK(translations - bypassed >= 2000);
            if (mapping != "once") continue;
            // The key that its study varies: its hits, and so its walks, follow.
            const auto hits = [&](const std::string& value) {
                const char* const fast = family.sizes_walks() ? " --set 'traffic[0].rate=4 GB/s'" : "";
                REQUIRE(run_xlate(scratch, "run c.yaml" + cut + fast +
                                               " --set 'traffic[0].pattern=random' "
                                               "--set 'soc.iommu." +
                                               std::string(family.sized) + "=" + value + "'")
                            .status == 0);
                const Json said = result_of(scratch, "c");
                double all = 0;
                for (const Json& iommu : said["iommus"]) all += iommu["tlb"]["hits"].get<double>();
                return family.sizes_walks() ? said["masters"][0]["latency_ns"]["mean"].get<double>() : all;
            };
            const double few = hits(family.sizes_walks() ? "1" : "16"),
                         many = hits(family.sizes_walks() ? "8" : "1024");
            if (family.sizes_walks())
                CHECK(few > many);
            else
                CHECK(few < many);
        }
    }
}

TEST_CASE("init --iommu: what does not stand behind a family, or has no room on its board, is named", "[cli][init]") {
    const Scratch scratch;
    const Said nic = run_xlate(scratch, "init --device nic --iommu dart");
    CHECK(nic.status == 2);
    CHECK(nic.err.find("--device: a NIC is a PCI function, and none stands behind an Apple DART; expected gpu, display "
                       "or dma; or --iommu smmuv3, virtio-iommu") != std::string::npos);
    const Said large = run_xlate(scratch, "init --device gpu --iommu omap --working-set '1 GiB'");
    CHECK(large.status == 2);
    CHECK(large.err.find("--working-set: 1 GiB are more than omap.dtb has room for; expected at most 256 MiB") !=
          std::string::npos);
    const Said twice = run_xlate(scratch, "init --iommu tiny --preset gem5-default");
    CHECK(twice.status == 2);
    CHECK(twice.err.find("--preset: --iommu names a preset already") != std::string::npos);
    const Said preset = run_xlate(scratch, "init --iommu vt-d --preset tiny");
    CHECK(preset.status == 0);
    CHECK(preset.out.find("preset: tiny\n") != std::string::npos);
    CHECK(preset.out.find("iommus: [ { name: iommu, kind: vt-d } ]") != std::string::npos);
}

TEST_CASE("init --device: what is not given is named, the rest taken as it is", "[cli][init]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "init --device nvme --rate '3.5 GB/s' --iommu tiny");
    CHECK(said.status == 0);
    CHECK(said.out.find("# Not given, so as usual: --working-set '64 MiB', --packet '4 KiB', --pages scattered, "
                        "--mapping once\n") != std::string::npos);
    CHECK(said.out.find("preset: tiny") != std::string::npos);
    CHECK(said.out.find("pcie: { bandwidth: 3.94 GB/s }") != std::string::npos);             // 3.5 * 280 / 256 = 3.83
    CHECK(said.out.find("values: [16, 64, 1024, 4096, 8192, 16384]") != std::string::npos);  // 64 MiB / 4 KiB
}

TEST_CASE("init --ask: answers, and the usual where there is none", "[cli][init]") {
    const Scratch scratch;
    scratch.file("answers", "gpu\n\n64 MiB\n");
    const Said said = run_xlate(scratch, "init --ask < answers");
    CHECK(said.status == 0);
    CHECK(said.err.find("How fast? [50 GB/s]") != std::string::npos);
    CHECK(said.out.find("# A GPU of 50 GB/s over 64 MiB") == 0);
    CHECK(said.out.find("Not given") == std::string::npos);
}

TEST_CASE("init --device: what cannot be made is named by its option", "[cli][init]") {
    const Scratch scratch;
    const Said wrong = run_xlate(scratch, "init --device nci --iommu vtd --rate 3 --pages small --packet '300 B'");
    CHECK(wrong.status == 2);
    CHECK(wrong.err.find("--device: found 'nci'; expected one of nic, nvme") != std::string::npos);
    CHECK(wrong.err.find("--rate: found '3'; expected a rate") != std::string::npos);
    CHECK(wrong.err.find("--iommu: found 'vtd'; expected one of smmuv3, virtio-iommu, vt-d") != std::string::npos);
    CHECK(wrong.err.find("did you mean 'vt-d'?") != std::string::npos);
    CHECK(wrong.err.find("--pages: found 'small'") != std::string::npos);
    CHECK(wrong.err.find("--packet: 300 B are no whole number of transactions of 256 B") != std::string::npos);
    const Said fast = run_xlate(scratch, "init --device nic --rate '200 GB/s'");
    CHECK(fast.status == 2);
    CHECK(fast.err.find("--rate: 200 GB/s are more than an interconnect of 256 B a cycle at 1 GHz carries") !=
          std::string::npos);
    CHECK(run_xlate(scratch, "init --device nic --firmware " + quoted(board("quickstart"))).status == 2);
    CHECK(run_xlate(scratch, "init < /dev/null").status == 2);
}

TEST_CASE("traffic: a rate, its transactions and its pages are what they say", "[cli][init]") {
    const Scratch scratch;
    const auto config = [&](const std::string& traffic) {
        return scratch.file("c.yaml",
                            "firmware: { generate: devicetree }\n"
                            "soc:\n  board: { masters: [ { name: dma } ] }\n"
                            "  pci: [ { slot: \"00:01.0\", driver: nvme } ]\n"
                            "traffic:\n  - { " +
                                traffic + " }\n");
    };
    SECTION("a transfer of 1 KiB in pieces of 256 B is four transactions, and scattered pages are walked one by one") {
        config(
            "device: a000000.dma, pattern: random, rate: 2 GB/s, size: 1 KiB, transaction: 256 B, transfers: 1000, "
            "working_set: 4 MiB, pages: scattered");
        REQUIRE(run_xlate(scratch, "run c.yaml").status == 0);
        const Json pages = result_of(scratch, "c");
        CHECK(pages["masters"][0]["reads"] == 4000);
        CHECK(pages["masters"][0]["bandwidth_bytes_per_s"].get<double>() == Approx(2e9).epsilon(0.01));
        CHECK(pages["masters"][0]["limited_by"]["resource"] == "its own rate (traffic[].rate)");
        CHECK(pages["iommus"][0]["walks"].get<int>() > 500);  // of 1,024 pages, a random 1,000 touch 640
        REQUIRE(run_xlate(scratch, "run c.yaml --set 'traffic[0].pages=huge'").status == 0);
        CHECK(result_of(scratch, "c")["iommus"][0]["walks"].get<int>() < 50);
        // What the resolved config says is the same run.
        REQUIRE(run_xlate(scratch, "run out/c/config.resolved.yaml --out again").status == 0);
        CHECK(Json::parse(read_text(scratch.path("again/result.json")))["digest"] == result_of(scratch, "c")["digest"]);
    }
    SECTION("a rate that the link cannot carry is named with its place") {
        config("device: \"0000:00:01.0\", rate: 9 GB/s, size: 256 B");
        const Said said = run_xlate(scratch, "run c.yaml");
        CHECK(said.status == 2);
        CHECK(said.err.find("c.yaml:6:") != std::string::npos);
        CHECK(said.err.find(
                  "traffic[0].rate: 9 GB/s do not fit through the PCIe link: its 8 GB/s carry at most 7.3 GB/s") !=
              std::string::npos);
    }
    SECTION("so is one that the link of a port on the way cannot carry") {
        scratch.file("p.yaml",
                     "firmware: { devicetree: " + board("quickstart") +
                         " }\nsoc: { pci: [ { slot: \"00:02.0\", kind: root-port, link: { generation: 3, lanes: 2 }, "
                         "below: [ { slot: \"00.0\", driver: nvme } ] } ] }\n"
                         "traffic:\n  - { device: \"0000:01:00.0\", rate: 3 GB/s, size: 256 B, read: 0% }\n");
        const Said said = run_xlate(scratch, "run p.yaml");
        CHECK(said.status == 2);
        // Two lanes of 984.6 MB/s, of which 256 of 280 bytes are data.
        CHECK(said.err.find("p.yaml:4:") != std::string::npos);
        CHECK(said.err.find("traffic[0].rate: 3 GB/s do not fit through the link below 0000:00:02.0") !=
              std::string::npos);
        CHECK(said.err.find("carry at most 1.8 GB/s") != std::string::npos);
    }
    SECTION("two words for one thing are an error") {
        config(
            "device: a000000.dma, rate: 1 GB/s, interval: 1 ns, pages: huge, segments: 4, size: 1000, transaction: "
            "256");
        const Said said = run_xlate(scratch, "run c.yaml");
        CHECK(said.status == 2);
        CHECK(said.err.find("traffic[0].rate: says the same as interval") != std::string::npos);
        CHECK(said.err.find("traffic[0].pages: says the same as segments") != std::string::npos);
        CHECK(said.err.find("traffic[0].transaction: a transfer of 1000 B is no whole number") != std::string::npos);
    }
    SECTION("memory that is contiguous because nobody said otherwise is an assumption") {
        config("device: a000000.dma, working_set: 4 MiB, transfers: 100");
        CHECK(run_xlate(scratch, "run c.yaml")
                  .out.find("assumed: traffic[].pages is not given: the memory of a000000.dma is "
                            "physically contiguous, so that the largest pages that its IOMMU has map it") !=
              std::string::npos);
        CHECK(run_xlate(scratch, "run c.yaml --set 'traffic[0].segments=2'").out.find("pages is not given") ==
              std::string::npos);
    }
}
