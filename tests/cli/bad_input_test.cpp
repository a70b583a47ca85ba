// Each bad input ends in one clear message and the exit status of the design: never a crash, never half a result.
#include <cstdlib>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;

namespace {

const std::string kHead = "firmware: { devicetree: quickstart.dtb }\n";

/// `xlate run` of this config is refused with `status` and a message that contains `message`; nothing is written.
void refuses(const std::string& yaml, int status, const std::string& message) {
    const Scratch scratch;
    scratch.file("x.yaml", yaml);
    const Said said = run_xlate(scratch, "run x.yaml --out result");
    INFO(yaml.substr(0, 500));
    INFO(said.err);
    CHECK(said.status == status);
    CHECK(said.err.find(message) != std::string::npos);
    CHECK(said.out.empty());
    CHECK_FALSE(std::filesystem::exists(scratch.path("result")));
}

/// `xlate inspect` and `xlate run` refuse this blob with status 3 and one line.
void refuses_blob(std::string blob, const std::string& message) {
    const Scratch scratch;
    scratch.file("x.dtb", blob);
    for (const char* command : {"inspect x.dtb", "run x.dtb"}) {
        const Said said = run_xlate(scratch, command);
        INFO(command << ": " << said.err);
        CHECK(said.status == 3);
        CHECK(said.err.find("x.dtb") != std::string::npos);
        CHECK(said.err.find(message) != std::string::npos);
        CHECK(said.out.empty());
    }
}

}  // namespace

TEST_CASE("bad input: YAML that is none says where", "[cli]") {
    refuses("a: [1, 2\nb: 3\n", 2, "x.yaml:2:2: not valid YAML");
    refuses("\t- a", 2, "x.yaml:1:");
    refuses(std::string("a\0b", 3), 2, "x.yaml+0x1: a zero byte");
    refuses("", 2, "x.yaml: firmware: no firmware is named");
}

TEST_CASE("bad input: unknown keys, wrong units and duplicates come in one report", "[cli]") {
    refuses(kHead + "soc: {memory: {latency: 60 parsecs, bankz: 16}}\nseed: 010\nseed: 1\n", 2,
            "x.yaml:4:1: key 'seed' stands here a second time; first at 3:1");
    refuses(kHead + "soc: {memory: {latency: 60 parsecs, bankz: 16}}\nseed: 010\n", 2,
            "x.yaml:2:37: soc.memory.bankz: unknown key; did you mean 'banks'?");
    refuses(kHead + "soc: {memory: {latency: 60 parsecs}}\n", 2, "x.yaml:2:25: soc.memory.latency: ");
    refuses(kHead + "seed: 010\n", 2, "x.yaml:2:7: seed: ");
    refuses(kHead + "soc: {memory: {banks: 3}}\n", 2, "x.yaml:2:23: soc.memory.banks: 3 is not a power of two");
    refuses(kHead + "kernel: {variant: linux-9}\n", 2, "x.yaml:2:19: kernel.variant: ");
    refuses(kHead + "kernel: {parameters: {iommu.stict: 1}}\n", 2, "did you mean 'iommu.strict'?");
    refuses(kHead + "expect: [kernel.oops =]\n", 2, "x.yaml:2:10: expect[0]: in 'kernel.oops =' at character 13");
}

TEST_CASE("bad input: aliases that explode or bite their tail", "[cli]") {
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 10; ++i) {
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
        for (int j = 0; j < 10; ++j) bomb += (j != 0 ? ", *a" : "*a") + std::to_string(i - 1);
        bomb += "]\n";
    }
    refuses(bomb, 4, "once its aliases are expanded");
    refuses("a: &a [*a]\n", 2, "x.yaml:1:8: this alias refers to the value that it stands in");
    refuses(std::string(100, '['), 4, "nested deeper than 64 levels");
}

TEST_CASE("bad input: what the firmware does not have is named with the nearest that it has", "[cli]") {
    refuses(kHead + "traffic: [{device: a000000.vide}]\n", 2,
            "x.yaml:2:20: traffic[0].device: neither the firmware nor soc.pci has a device 'a000000.vide'; "
            "expected Linux's name of a master such as '0000:00:01.0'; did you mean 'a000000.video'?");
    refuses(kHead + "soc: {iommus: {/soc/iommu@9050001: {}}}\n", 2, "/soc/iommu@9050000");
    refuses(kHead + "soc: {pci: [{slot: \"00:33.0\"}]}\n", 2, "x.yaml:2:20: soc.pci[0].slot: found slot '00:33.0'");
    refuses(kHead + "soc: {pci: [{slot: \"00:01.0\"}, {slot: \"00:01.0\"}]}\n", 2,
            "soc.pci[1].slot: 01.0 is taken already");
    refuses("firmware: {devicetree: nowhere.dtb}\n", 2,
            "x.yaml:1:24: firmware.devicetree: there is no file 'nowhere.dtb'");
}

TEST_CASE("bad input: device trees that are none", "[cli]") {
    const std::string whole = read_text(board("quickstart"));
    REQUIRE(whole.size() > 1000);
    refuses_blob(whole.substr(0, 20), "");
    refuses_blob(whole.substr(0, whole.size() / 2), "");
    std::string wrong_size = whole;
    wrong_size[5] = '\x7f';
    refuses_blob(wrong_size, "");
    std::string wrong_magic = whole;
    wrong_magic[0] = '\x00';
    refuses_blob(wrong_magic, "");
    refuses_blob("", "");
}

TEST_CASE("bad input: the command line", "[cli]") {
    const Scratch scratch;
    for (const char* arguments :
         {"", "runn", "run", "run nowhere.yaml", "run --seed x y.yaml", "inspect nowhere.dtb", "config",
          "config show nowhere.yaml", "schema nothing", "compare a b", "run --set nonsense nowhere.yaml", "init",
          "init --firmware nowhere.dtb", "explore", "replay not-a-token"}) {
        INFO(arguments);
        const Said said = run_xlate(scratch, arguments);
        INFO(said.err);
        CHECK(said.status == 2);
        CHECK_FALSE(said.err.empty());
        CHECK(said.out.empty());
    }
    CHECK(run_xlate(scratch, "--help").status == 0);
    CHECK(run_xlate(scratch, "run --help").out.find("--junit") != std::string::npos);
}

TEST_CASE("bad input: a command or option that does not exist is named with the nearest, and nothing else", "[cli]") {
    const Scratch scratch;
    const auto says = [&](const std::string& arguments) {
        const Said said = run_xlate(scratch, arguments);
        CHECK(said.status == 2);
        return said.err.substr(0, said.err.find('\n'));
    };
    CHECK(says("rnu g.yaml") == "xlate: unknown command 'rnu'; did you mean 'run'?");
    CHECK(says("frobnicate") == "xlate: unknown command 'frobnicate'");
    CHECK(says("config shwo g.yaml") == "xlate: config: unknown command 'shwo'; did you mean 'show'?");
    CHECK(says("sweep stauts p.json") == "xlate: sweep: unknown command 'stauts'; did you mean 'status'?");
    CHECK(says("run g.yaml --seeed 5") == "xlate: run: unknown option '--seeed'; did you mean '--seed'?");
    CHECK(says("run --seeed=5 g.yaml") == "xlate: run: unknown option '--seeed'; did you mean '--seed'?");
    CHECK(says("run g.yaml --set --sed=5 --qiet") == "xlate: run: unknown option '--qiet'; did you mean '--quiet'?");
    CHECK(says("run g.yaml extra") == "xlate: The following argument was not expected: extra");
}

TEST_CASE("bad input: a number on the command line that is none, or too large, is refused", "[cli]") {
    const Scratch scratch;
    scratch.file("x.yaml", "firmware: { devicetree: " + board("quickstart") + " }\ntraffic: []\n");
    for (const std::string option : {"run x.yaml --seed", "explore x.yaml --seed", "explore x.yaml --budget",
                                     "sweep x.yaml --max-points", "sweep plan x.yaml --max-points"}) {
        for (const std::string value : {"-1", "18446744073709551616", "99999999999999999999", "x", "1.5", "''"}) {
            const Said said = run_xlate(scratch, option + " " + value);
            INFO(option << " " << value << ": " << said.err);
            CHECK(said.status == 2);
            CHECK(said.err.find(option.substr(option.find("--")) + ": found '") != std::string::npos);
            CHECK(said.err.find("expected a whole number from 0 to 2^64 - 1") != std::string::npos);
        }
    }
    CHECK(run_xlate(scratch, "run x.yaml --quiet --seed 18446744073709551615").status == 0);
}

TEST_CASE("bad input: what is no config, plan or directory is named as what it is", "[cli]") {
    const Scratch scratch;
    std::filesystem::create_directory(scratch.path("d"));
    CHECK(run_xlate(scratch, "run d").err == "d: is a directory; expected a YAML file\n");
    scratch.file("d/config.resolved.yaml", "traffic: []\n");
    CHECK(run_xlate(scratch, "run d").err ==
          "d: is a directory; expected a YAML file; did you mean 'd/config.resolved.yaml'?\n");
    CHECK(run_xlate(scratch, "sweep status d").err == "d: is a directory without plan.json: no sweep's\n");
    scratch.file("x.yaml", "firmware: { devicetree: " + board("quickstart") + " }\ntraffic: []\n");
    for (const char* option : {"run x.yaml --out", "run x.yaml --junit", "sweep x.yaml --out", "report d --out"}) {
        const Said said = run_xlate(scratch, std::string(option) + " ''");
        INFO(option << ": " << said.err);
        CHECK(said.status == 2);
        CHECK(said.err.find("found '', expected a path") != std::string::npos);
    }
}

TEST_CASE("version: names the model's sources, and the commit where Git knows one", "[cli]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "--version");
    CHECK(said.status == 0);
    CHECK(said.out.rfind("xlate ", 0) == 0);
    const std::size_t sources = said.out.find("model sources ");
    REQUIRE(sources != std::string::npos);
    CHECK(said.out.substr(sources + 14).find_first_not_of("0123456789abcdef") == 64);
    const std::string git = "git -C " + quoted(source_dir()) + " ";
    if (std::system((git + "rev-parse HEAD > /dev/null 2>&1").c_str()) != 0) {
        WARN("no Git here: the commit is not looked at");
        return;
    }
    const std::size_t commit = said.out.find("(commit ");
    REQUIRE(commit != std::string::npos);
    CHECK(std::system((git + "cat-file -e " + said.out.substr(commit + 8, 12) + "^{commit}").c_str()) == 0);
}
