// The boots of corpus/linux-boot-crashed that end in MediaTek's driver: the model ends where the kernel did (F16).
#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>
#include <regex>

#include "tests/kernel-model/family_boot.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;

TEST_CASE("mediatek: a group that ended is taken again, as in a real kernel (F16)",
          "[kernel-model][mediatek][corpus]") {
    if (xlate::tests::skip_without("linux-boot-crashed")) return;
    const auto folder_of_all = *xlate::tests::corpus() / "linux-boot-crashed";
    if (!std::filesystem::is_directory(folder_of_all)) return;
    for (const auto& entry : std::filesystem::directory_iterator(folder_of_all)) {
        if (entry.path().filename().string().rfind("dt-mtk", 0) != 0) continue;
        INFO(entry.path().filename().string());
        std::ifstream log(entry.path() / "boot.log");
        const std::string text((std::istreambuf_iterator<char>(log)), {});
        REQUIRE(text.find("iommu_group_ref_get") != std::string::npos);
        std::smatch release;
        REQUIRE(std::regex_search(text, release, std::regex("Linux \\(none\\) ([^ ]+) ")));
        Json truth;
        truth["kernel"] = {{"release", release[1].str()}, {"package", "the same driver loaded as a module"}};
        truth["cmdline_extra"] = "";
        truth["devices"] = truth["timeline"] = Json::array();
        FamilyBoot run(entry.path(), truth);
        std::string reports;
        for (const Report& report : run.k.reports.all()) reports += report.text() + "\n";
        INFO(reports);
        CHECK(reports.find("the first attach of a group's default domain failed") != std::string::npos);
        CHECK(reports.find("use-after-free in mtk_iommu_device_group") != std::string::npos);
    }
}
