// The boots of corpus/linux-boot-crashed that end in a DMA domain: an IOMMU whose smallest page is larger than the
// kernel's. The model ends where the kernel did.
#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "tests/kernel-model/family_boot.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

TEST_CASE("dma: an IOMMU without pages of the kernel's size ends in init_iova_domain, as in a real kernel",
          "[kernel-model][dma][corpus]") {
    if (xlate::tests::skip_without_corpus()) return;
    for (const auto& folder : boots_that({"linux-boot-crashed"}, [](const std::filesystem::path& one) {
             return one.filename().string().rfind("dt-smmuv2", 0) == 0;
         })) {
        INFO(folder.filename().string());
        std::ifstream log(folder / "boot.log");
        const std::string text((std::istreambuf_iterator<char>(log)), {});
        REQUIRE(text.find("kernel BUG at drivers/iommu/iova.c") != std::string::npos);
        FamilyBoot run(folder);
        CHECK(run.k.reports.crashed());
        const std::vector<Report>& reports = run.k.reports.all();
        CHECK(std::any_of(reports.begin(), reports.end(), [](const Report& report) {
            return !report.after_crash && report.kind == ReportKind::bug &&
                   report.what.find("drivers/iommu/iova.c") != std::string::npos;
        }));
    }
}
