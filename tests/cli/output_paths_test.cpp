// Where results may go: whatever the path is, it stays that; what cannot be written whole is an error.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

std::string config(const Scratch& scratch, const std::string& more = "") {
    scratch.file("x.yaml", "firmware: { devicetree: " + board("quickstart") +
                               " }\nsoc: { pci: [] }\ntraffic: [ { device: a000000.video, transfers: 20 } ]\n" + more);
    return "run x.yaml --quiet ";
}

}  // namespace

TEST_CASE("paths: a link stays a link, its target gets the content", "[cli][paths]") {
    const Scratch scratch;
    fs::create_directory(scratch.path("far"));
    scratch.file("far/junit.xml", "old");
    fs::create_symlink("far/junit.xml", scratch.path("link.xml"));
    fs::create_symlink("far/new.xml", scratch.path("dangling.xml"));
    for (const char* link : {"link.xml", "dangling.xml"}) {
        CHECK(run_xlate(scratch, config(scratch) + "--junit " + link).status == 0);
        CHECK(fs::is_symlink(scratch.path(link)));
        CHECK(read_text(scratch.path(link)).find("<testsuite") != std::string::npos);
    }
    CHECK(read_text(scratch.path("far/junit.xml")).find("<testsuite") != std::string::npos);
    fs::create_symlink("b.xml", scratch.path("a.xml"));
    fs::create_symlink("a.xml", scratch.path("b.xml"));
    const Said loop = run_xlate(scratch, config(scratch) + "--junit a.xml");
    CHECK(loop.status == 4);
    CHECK(loop.err.find("Too many levels of symbolic links") != std::string::npos);
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(scratch.path("")))
        CHECK(entry.path().string().find(".tmp.") == std::string::npos);
}

TEST_CASE("paths: a pipe is written into, and stays a pipe", "[cli][paths]") {
    const Scratch scratch;
    REQUIRE(mkfifo(scratch.path("pipe").c_str(), 0600) == 0);
    CHECK(run_xlate(scratch, config(scratch) + "--junit pipe", "{ cat pipe >got.xml & true; } &&").status == 0);
    CHECK(fs::is_fifo(scratch.path("pipe")));
    for (int i = 0; i < 100 && read_text(scratch.path("got.xml")).find("</testsuite>") == std::string::npos; ++i)
        usleep(20'000);
    CHECK(read_text(scratch.path("got.xml")).find("</testsuite>") != std::string::npos);
    const Said alone = run_xlate(scratch, config(scratch) + "--junit pipe");
    CHECK(alone.status == 4);
    CHECK(alone.err.find("pipe: cannot be written: a pipe that no process reads") != std::string::npos);
}

TEST_CASE("paths: a device is written to, a full one is an error", "[cli][paths]") {
    const Scratch scratch;
    CHECK(run_xlate(scratch, config(scratch) + "--junit /dev/null").status == 0);
    CHECK(fs::is_character_file("/dev/null"));
    const Said full = run_xlate(scratch, config(scratch) + "--junit /dev/full");
    CHECK(full.status == 4);
    CHECK(full.err.find("/dev/full: cannot be written whole: No space left on device") != std::string::npos);
    CHECK(fs::is_character_file("/dev/full"));
    const Said out = run_xlate(scratch, config(scratch) + "--junit /dev/stdout");
    CHECK(out.status == 0);
    CHECK(out.out.find("</testsuite>") != std::string::npos);
}

TEST_CASE("paths: standard output that is full is status 4, whatever is printed", "[cli][paths]") {
    const Scratch scratch;
    config(scratch);
    for (const char* arguments : {"schema", "--help", "--version", "config show x.yaml", "run --variant help",
                                  "explore --list", "inspect x.yaml", "run x.yaml", "init --firmware x.dtb"}) {
        INFO(arguments);
        scratch.file("x.dtb", read_text(board("quickstart")));
        const std::string command = "cd " + quoted(scratch.path("")) + " && " +
                                    quoted(std::string(binary_dir()) + "/xlate") + " " + arguments +
                                    " >/dev/full 2>err.txt";
        CHECK(WEXITSTATUS(std::system(command.c_str())) == 4);
        CHECK(read_text(scratch.path("err.txt")).find("standard output cannot be written") != std::string::npos);
    }
}

TEST_CASE("paths: a directory, a missing one and a file where a directory should be", "[cli][paths]") {
    const Scratch scratch;
    CHECK(run_xlate(scratch, config(scratch) + "--junit a/b/c.xml --out d/e").status == 0);
    CHECK(fs::exists(scratch.path("a/b/c.xml")));
    CHECK(fs::exists(scratch.path("d/e/result.json")));
    const Said directory = run_xlate(scratch, config(scratch) + "--junit a");
    CHECK(directory.status == 4);
    CHECK(directory.err.find("a: cannot be written: Is a directory") != std::string::npos);
    scratch.file("file", "");
    for (const char* out : {"--out file", "--out file/below", "--out /dev/null", "--junit file/x.xml"}) {
        INFO(out);
        const Said said = run_xlate(scratch, config(scratch) + out);
        CHECK(said.status == 4);
        CHECK(said.err.find("ot a directory") != std::string::npos);
    }
}

TEST_CASE("paths: what is read-only is not written, and its directory not either", "[cli][paths]") {
    if (::geteuid() == 0) {
        WARN("root may write everything: skipped");
        SUCCEED("skipped");
        return;
    }
    const Scratch scratch;
    scratch.file("kept.xml", "mine");
    fs::permissions(scratch.path("kept.xml"), fs::perms::owner_read);
    CHECK(run_xlate(scratch, config(scratch) + "--junit kept.xml").status == 4);
    CHECK(read_text(scratch.path("kept.xml")) == "mine");
    fs::create_directory(scratch.path("kept"));
    fs::permissions(scratch.path("kept"), fs::perms::owner_read | fs::perms::owner_exec);
    CHECK(run_xlate(scratch, config(scratch) + "--out kept").status == 4);
    fs::permissions(scratch.path("kept"), fs::perms::owner_all);
    CHECK(fs::is_empty(scratch.path("kept")));
}

TEST_CASE("paths: a mode is kept by who writes anew", "[cli][paths]") {
    const Scratch scratch;
    scratch.file("x.xml", "old");
    fs::permissions(scratch.path("x.xml"), fs::perms(0640));
    CHECK(run_xlate(scratch, config(scratch) + "--junit x.xml").status == 0);
    CHECK((fs::status(scratch.path("x.xml")).permissions() & fs::perms::all) == fs::perms(0640));
}

TEST_CASE("paths: a config's name is a name, wherever it points", "[cli][paths]") {
    const Scratch scratch;
    fs::create_directory(scratch.path("in"));
    for (const char* name : {"../../escape", "/tmp/xlate-escape", "..", ".", "a/../../b", "x\\ny"}) {
        INFO(name);
        config(scratch, std::string("name: \"") + name + "\"\nstudy: {}\n");
        for (const char* command : {"run", "sweep"}) {
            CHECK(run_xlate(scratch, std::string(command) + " ../x.yaml", "cd in &&").status == 0);
        }
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(scratch.path(""))) {
        const std::string name = entry.path().filename().string();
        INFO(name);
        CHECK((name == "in" || name == "x.yaml" || name == "stdout.txt" || name == "stderr.txt"));
    }
    CHECK_FALSE(fs::exists("/tmp/xlate-escape"));
    CHECK(std::distance(fs::directory_iterator(scratch.path("in")), fs::directory_iterator()) == 1);  // out
}

TEST_CASE("paths: a second run leaves nothing of the first", "[cli][paths]") {
    const Scratch scratch;
    REQUIRE(run_xlate(scratch, config(scratch) + "--trace --out r").status == 0);
    REQUIRE(run_xlate(scratch, "report r").status == 0);
    scratch.file("r/mine.txt", "kept");
    scratch.file("r/result.json.tmp.1234567", "of a dead one");
    scratch.file("r/mine.tmp.7", "kept");
    CHECK(fs::exists(scratch.path("r/trace.pftrace")));
    REQUIRE(run_xlate(scratch, config(scratch) + "--seed 2 --out r").status == 0);
    for (const char* gone : {"r/trace.pftrace", "r/report.html", "r/result.json.tmp.1234567"})
        CHECK_FALSE(fs::exists(scratch.path(gone)));
    for (const char* kept : {"r/mine.txt", "r/mine.tmp.7"}) CHECK(fs::exists(scratch.path(kept)));
    // The manifest says what is there.
    const Json manifest = Json::parse(read_text(scratch.path("r/manifest.json")));
    CHECK(manifest["seed"] == 2);
    CHECK(manifest["outputs"].size() == 5);  // result, series, statistics, log, config
}

TEST_CASE("paths: a run and a sweep do not share a directory", "[cli][paths]") {
    const Scratch scratch;
    scratch.file("s.yaml", "extends: x.yaml\nstudy: { vary: [ { name: s, path: seed, values: [1, 2] } ] }\n");
    REQUIRE(run_xlate(scratch, config(scratch) + "--out a").status == 0);
    const Said sweep = run_xlate(scratch, "sweep s.yaml --out a");
    CHECK(sweep.status == 2);
    CHECK(sweep.err.find("/a: holds a single run (result.json); expected another directory for a sweep") !=
          std::string::npos);
    CHECK_FALSE(fs::exists(scratch.path("a/plan.json")));
    REQUIRE(run_xlate(scratch, "sweep s.yaml --out b").status == 0);
    const std::string report = read_text(scratch.path("b/report.html"));
    const Said run = run_xlate(scratch, config(scratch) + "--out b");
    CHECK(run.status == 2);
    CHECK(run.err == "b: holds a sweep (sweep.json); expected another directory for a single run\n");
    CHECK(read_text(scratch.path("b/report.html")) == report);
    fs::remove(scratch.path("b/sweep.json"));  // as while it runs
    CHECK(run_xlate(scratch, config(scratch) + "--out b").err.find("holds a sweep (plan.json)") != std::string::npos);
    CHECK(run_xlate(scratch, "sweep plan s.yaml --out a -o p.json").status == 2);
    // The default directory has room for both, and each is told of the other.
    const Said first = run_xlate(scratch, "run s.yaml --quiet");
    CHECK((first.status == 0 && first.err.empty()));
    const Said second = run_xlate(scratch, "sweep s.yaml");
    CHECK((second.status == 0 && second.err.find("/out/s also holds a single run; report.html") != std::string::npos));
    const std::string sweeps = read_text(scratch.path("out/s/report.html"));
    const Said third = run_xlate(scratch, "run s.yaml --quiet");
    CHECK(third.status == 0);
    CHECK(third.err == "s: out/s also holds a sweep, whose report.html is left as it is\n");
    CHECK(read_text(scratch.path("out/s/report.html")) == sweeps);
    // Each into its own once more.
    CHECK(run_xlate(scratch, config(scratch) + "--out a").status == 0);
    CHECK(run_xlate(scratch, "sweep s.yaml --out b").status == 0);
}

TEST_CASE("paths: a config from a pipe or standard input runs as one from a file", "[cli][paths]") {
    const Scratch scratch;
    config(scratch);
    REQUIRE(run_xlate(scratch, "run x.yaml --quiet --out file").status == 0);
    const auto digest = [&](const std::string& out) {
        return Json::parse(read_text(scratch.path(out + "/result.json")))["digest"];
    };
    CHECK(run_xlate(scratch, "run - --quiet", "cat x.yaml |").status == 0);
    CHECK(digest("out/stdin") == digest("file"));
    CHECK(run_xlate(scratch, "run /dev/stdin --quiet --out in", "cat x.yaml |").status == 0);
    CHECK(digest("in") == digest("file"));
    const Json manifest = Json::parse(read_text(scratch.path("in/manifest.json")));
    CHECK(manifest["inputs"][0]["file"] == "stdin");
    CHECK(manifest["inputs"][0]["bytes"] == fs::file_size(scratch.path("x.yaml")));
    REQUIRE(mkfifo(scratch.path("pipe").c_str(), 0600) == 0);
    CHECK(run_xlate(scratch, "run pipe --quiet --out p", "{ cat x.yaml >pipe & true; } &&").status == 0);
    CHECK(digest("p") == digest("file"));
    const Said show = run_xlate(scratch, "config show -", "cat x.yaml |");
    CHECK(show.status == 0);
    CHECK(show.out.find("stdin:") != std::string::npos);
    // Files that it names are looked for from here; and a place is named as such.
    fs::copy(board("quickstart"), scratch.path("b.dtb"));
    scratch.file("near.yaml", "firmware: { devicetree: b.dtb }\ntraffic: []\n");
    CHECK(run_xlate(scratch, "run - --quiet --out n", "cat near.yaml |").status == 0);
    scratch.file("bad.yaml", "firmware: { devicetree: b.dtb }\nsede: 1\n");
    CHECK(run_xlate(scratch, "run -", "cat bad.yaml |").err == "stdin:2:1: sede: unknown key; did you mean 'seed'?\n");
    CHECK(run_xlate(scratch, "run -", "cat b.dtb |").err ==
          "stdin: a device tree cannot be read from a pipe; expected its file, or YAML\n");
}

TEST_CASE("paths: two runs into one directory: the second is told, nothing is mixed", "[cli][paths]") {
    const Scratch scratch;
    REQUIRE(run_xlate(scratch, config(scratch) + "--out r").status == 0);
    const int held = ::open(scratch.path("r").c_str(), O_RDONLY | O_DIRECTORY);
    REQUIRE(::flock(held, LOCK_EX | LOCK_NB) == 0);
    const Said second = run_xlate(scratch, config(scratch) + "--seed 2 --out r");
    CHECK(second.status == 4);
    CHECK(second.err.find("r: another xlate is writing into this directory") != std::string::npos);
    CHECK(Json::parse(read_text(scratch.path("r/result.json")))["seed"] == 1);
    ::close(held);
    CHECK(run_xlate(scratch, config(scratch) + "--seed 2 --out r").status == 0);
}

TEST_CASE("init: an edited config is not written over", "[cli][paths]") {
    const Scratch scratch;
    const std::string init = "init made.yaml --firmware " + quoted(board("quickstart"));
    REQUIRE(run_xlate(scratch, init).status == 0);
    CHECK(run_xlate(scratch, init).status == 0);  // the same once more
    const std::string whole = read_text(scratch.path("made.yaml"));
    scratch.file("made.yaml", whole + "# mine\n");
    const Said said = run_xlate(scratch, init);
    CHECK(said.status == 2);
    CHECK(said.err.find("made.yaml: is there already and holds something else") != std::string::npos);
    CHECK(read_text(scratch.path("made.yaml")) == whole + "# mine\n");
    CHECK(run_xlate(scratch, init + " --force").status == 0);
    CHECK(read_text(scratch.path("made.yaml")) == whole);
    const Said endless =
        run_xlate(scratch, "init --firmware " + quoted(board("quickstart")) + " --qemu-command /dev/zero");
    CHECK(endless.status == 2);
    CHECK(endless.err.find("longer than a QEMU command line") != std::string::npos);
}

TEST_CASE("init: a kernel's log and a board are a config that runs", "[cli][paths]") {
    const Scratch scratch;
    scratch.file("dmesg.txt",
                 "[ 0.0] Linux version 6.3.0 (gcc)\n[ 0.0] Kernel command line: console=ttyAMA0 iommu.passthrough=1\n"
                 "[ 0.1] smp: Brought up 1 node, 3 CPUs\n"
                 "[ 0.2] pci 0000:00:02.0: [8086:15f3] type 00 class 0x020000\n");
    const std::string init = "init made.yaml --firmware " + quoted(board("quickstart")) + " --kernel-log ";
    const Said made = run_xlate(scratch, init + "dmesg.txt");
    INFO(made.err);
    CHECK(made.status == 0);
    CHECK(made.err.find("6.3.0: Linux 6.3 is no variant") != std::string::npos);
    const std::string config = read_text(scratch.path("made.yaml"));
    CHECK(config.find("  cpus: 3\n  parameters: { iommu.passthrough: 1 }\n") != std::string::npos);
    CHECK(run_xlate(scratch, "run made.yaml --quiet --set 'traffic=[]'").status == 0);
    scratch.file("lspci.txt",
                 "00:03.0 Ethernet controller [0200]: Intel [8086:15f3] (rev 03)\n"
                 "\tCapabilities: [a0] Express (v2) Endpoint, MSI 00\n\tKernel driver in use: igc\n");
    CHECK(run_xlate(scratch, init + "dmesg.txt --lspci lspci.txt --force").status == 0);
    const std::string listed = read_text(scratch.path("made.yaml"));
    CHECK(listed.find("# Made from dmesg.txt, lspci.txt\n") != std::string::npos);
    CHECK(listed.find("slot: \"00:02.0\"") == std::string::npos);
    CHECK(listed.find("slot: \"00:03.0\", kind: endpoint, driver: igc") != std::string::npos);
    CHECK(run_xlate(scratch, "run made.yaml --quiet --set 'traffic=[]'").status == 0);
    const std::string alone = "init only.yaml --firmware " + quoted(board("quickstart")) + " --lspci ";
    CHECK(run_xlate(scratch, alone + "lspci.txt").status == 0);
    const auto refused = [&](const std::string& arguments, const std::string& with) {
        const Said said = run_xlate(scratch, arguments);
        INFO(said.err);
        CHECK(said.status == 2);
        CHECK(said.err.find(with) != std::string::npos);
    };
    refused(init + "dmesg.txt --qemu-command q.txt", "says of a machine what --qemu-command says, too");
    refused(init + "not-there.txt", "not-there.txt: cannot be read");
    refused(init + "/dev/zero", "longer than a kernel's log of 16 MiB");
    refused(init + "made.yaml", "made.yaml: no line names the kernel");
    refused(alone + "dmesg.txt --force", "dmesg.txt: no line is a PCI function");
    refused(alone + "lspci.txt --qemu-command q.txt", "--lspci: says of a machine what --qemu-command says, too");
    refused("init --device nic --kernel-log dmesg.txt", "--kernel-log: is of a board");
    refused("init --kernel-log dmesg.txt", "a listing says which devices a machine has, not how its IOMMUs map them");
}
