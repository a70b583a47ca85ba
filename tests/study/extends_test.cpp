// Configs that extend others.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.hpp"
#include "study/config/config.hpp"
#include "study/config/yaml/extends.hpp"
#include "study/sweep/plan.hpp"
#include "tests/corpus.hpp"

using namespace xlate;
using namespace xlate::study;

namespace {

struct Folder {
    std::filesystem::path path;
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "xlate-extends-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
        std::filesystem::create_directories(path / "configs" / "parts");
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string file(const std::string& name, const std::string& text) const {
        std::ofstream(path / name, std::ios::binary) << text;
        return (path / name).string();
    }
    std::string refusal(const std::string& text) const {
        try {
            load_config(file("configs/top.yaml", text));
        } catch (const InputError& error) {
            CHECK(error.status() == ExitStatus::usage);
            return error.what();
        }
        return "accepted";
    }
};

}  // namespace

TEST_CASE("extends: maps are merged, the rest is replaced, the nearest wins, places stay", "[study][config]") {
    const Folder folder;
    folder.file("configs/parts/memory.yaml",
                "soc: { memory: { latency: 90 ns, banks: 8 } }\ntraffic: [ { device: a, transfers: 1 } ]\n");
    folder.file(
        "configs/base.yaml",
        "extends: parts/memory.yaml\nsoc:\n  memory: { banks: 32 }\nseed: 7\nfirmware: { generate: devicetree }\n");
    const Config config = load_config(
        folder.file("configs/top.yaml",
                    "extends: base.yaml\nsoc: { memory: { interleave: 512 B } }\ntraffic: [ { device: b } ]\n"));
    CHECK(config.name == "top");
    CHECK(config.seed == 7);
    CHECK(config.soc.memory.latency.fs == 90 * kFsPerNs);
    CHECK(config.soc.memory.banks == 32);
    CHECK(config.soc.memory.interleave_bytes == 512);
    REQUIRE(config.traffic.size() == 1);
    CHECK(config.traffic[0].device == "b");
    CHECK(config.where("soc.memory.latency").text().find("parts/memory.yaml:1:27") != std::string::npos);
    CHECK(config.where("soc.memory.banks").text().find("configs/base.yaml:3:20") != std::string::npos);
    REQUIRE(config.bases.size() == 2);
    CHECK(config.bases[0].first == (folder.path / "configs/base.yaml").string());
    // Of a list, later ones win; --set wins over all.
    folder.file("configs/a.yaml", "seed: 1\nname: a\nfirmware: { generate: devicetree }\n");
    folder.file("configs/b.yaml", "seed: 2\n");
    const Config both =
        load_config(folder.file("configs/both.yaml", "extends: [a.yaml, b.yaml]\n"), {{"soc.memory.banks", "64"}});
    CHECK(both.seed == 2);
    CHECK(both.name == "a");
    CHECK(both.soc.memory.banks == 64);
}

TEST_CASE("extends: what is not there, lies outside or goes round is named with its place", "[study][config]") {
    const Folder folder;
    CHECK(folder.refusal("extends: none.yaml\n").find("top.yaml:1:10: extends: there is no file 'none.yaml'") !=
          std::string::npos);
    folder.file("outside.yaml", "seed: 1\n");
    CHECK(folder.refusal("extends: ../outside.yaml\n").find("lies outside of the config's directory") !=
          std::string::npos);
    CHECK(folder.refusal("extends: /etc/hostname\n").find("lies outside") != std::string::npos);
    std::filesystem::create_symlink(folder.path / "outside.yaml", folder.path / "configs/link.yaml");
    CHECK(folder.refusal("extends: link.yaml\n").find("lies outside") != std::string::npos);
    folder.file("configs/a.yaml", "extends: b.yaml\n");
    folder.file("configs/b.yaml", "extends: a.yaml\n");
    CHECK(folder.refusal("extends: a.yaml\n").find("b.yaml:1:10: extends: 'a.yaml' extends itself") !=
          std::string::npos);
    CHECK(folder.refusal("include: c.yaml\n").find("include: unknown key; did you mean 'extends'?") !=
          std::string::npos);
    CHECK(folder.refusal("extends: { a: b }\n").find("found a map; expected a file") != std::string::npos);
    folder.file("configs/c.yaml", "sead: 1\n");
    CHECK(folder.refusal("extends: c.yaml\n").find("c.yaml:1:1: sead: unknown key") != std::string::npos);
}

TEST_CASE("extends: a plan holds what the study extends", "[study][sweep]") {
    const Folder folder;
    folder.file("configs/base.yaml",
                "firmware: { generate: devicetree }\nstudy: { vary: [ { name: s, path: seed, values: [1, 2] } ] }\n");
    const std::string top = folder.file("configs/top.yaml", "extends: base.yaml\nsoc: { pci: [] }\n");
    const std::string text = "extends: base.yaml\nsoc: { pci: [] }\n";
    const Plan plan = make_plan(parse_study(text, top), {}, (folder.path / "out").string());
    CHECK(plan.points.size() == 2);
    const std::string file = folder.file("plan.json", plan_text(plan));
    std::filesystem::remove(folder.path / "configs/base.yaml");
    const Plan read = read_plan(file);
    REQUIRE(read.bases.size() == 1);
    CHECK(read.points[1].key == plan.points[1].key);
    CHECK(parse_study(read.text, read.study, read.bases).axes.size() == 1);
    CHECK_THROWS_AS(parse_study(text, top), InputError);
}
