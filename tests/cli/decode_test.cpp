// What `xlate decode` takes as words, and what it says of arguments that are none.
#include "tests/cli/program.hpp"

using namespace xlate::tests;

namespace {

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("decode: behind a kind words may be short", "[cli]") {
    const Scratch scratch;
    // AMD's entry of an IO-APIC, as in a log, its zeros cut short.
    const Said entry = run_xlate(scratch, "decode amd-vi.dte 0000000000000003 0 2008000100258013 0");
    CHECK(entry.status == 0);
    CHECK(holds(entry.out, "0x0000000000000003 0x0000000000000000 0x2008000100258013 0x0000000000000000"));
    CHECK(run_xlate(scratch, "decode vt-d.fsts 40").out == run_xlate(scratch, "decode vt-d.fsts 0x40").out);
    CHECK(holds(run_xlate(scratch, "decode vt-d.fsts 40").out, "ITE"));
    CHECK(run_xlate(scratch, "decode vt-d.descriptor 25, 0").status == 0);
    // A file's name is a file's name.
    scratch.file("feed", "0x00000010\n");
    CHECK(holds(run_xlate(scratch, "decode vt-d.fsts feed").out, "IQE"));
}

TEST_CASE("decode: the argument that is no word is the one that is named", "[cli]") {
    const Scratch scratch;
    const Said wrong = run_xlate(scratch, "decode amd-vi.dte 0000000000000003 0 2008000100z58013 0");
    CHECK(wrong.status != 0);
    CHECK(holds(wrong.err, "2008000100z58013: is no hexadecimal word, and no file that can be read"));
    CHECK(holds(wrong.err, "the words of the AMD-Vi device table entry: 4 of 64 bits"));
    const Said bare = run_xlate(scratch, "decode 0x3 40");
    CHECK(holds(bare.err, "40: is too short for a hexadecimal word"));
    CHECK(holds(bare.err, "a kind of record in front"));
    CHECK(holds(run_xlate(scratch, "decode 40").err, "40: is too short"));
    scratch.file("a.log", "0x1\n");
    CHECK(holds(run_xlate(scratch, "decode 0x00000003 a.log").err, "a.log: is a file beside hexadecimal words"));
    CHECK(holds(run_xlate(scratch, "decode vt-d.fsts nowhere.log").err, "nowhere.log: is no hexadecimal word"));
}

TEST_CASE("decode: a kind that does not exist is told with the nearest one", "[cli]") {
    const Scratch scratch;
    const Said kind = run_xlate(scratch, "decode vtd.fault 0x1 0x2");
    CHECK(holds(kind.err, "no kind of record"));
    CHECK(holds(kind.err, "'vt-d.fault'"));
    const Said alone = run_xlate(scratch, "decode vtd.fault");
    CHECK(holds(alone.err, "'vt-d.fault'"));
    CHECK(holds(alone.err, "'xlate decode --help' lists their kinds"));
    CHECK(alone.err.size() < 500);
    const Said family = run_xlate(scratch, "decode vt-d");
    CHECK(holds(family.err, "is a family of records"));
    CHECK(holds(family.err, "vt-d.fault, vt-d.descriptor"));
    CHECK(holds(run_xlate(scratch, "decode --help").out, "vt-d.fsts"));
}

TEST_CASE("decode: a refusal names families, not every kind", "[cli]") {
    const Scratch scratch;
    for (const char* text : {"hello\n", "dmar: a fault of a new kind\n", "0x1 0x2 0x3\n"}) {
        scratch.file("x.log", text);
        const Said said = run_xlate(scratch, "decode x.log");
        INFO(said.err);
        CHECK(said.status != 0);
        CHECK(holds(said.err, "vt-d"));
        CHECK(holds(said.err, "'xlate decode --help' lists their kinds"));
        CHECK_FALSE(holds(said.err, "vt-d.fault"));
        CHECK(said.err.size() < 500);
    }
}

// Linux arm-smmu-v3.c, arm_smmu_evtq_thread().
TEST_CASE("decode: a log of lines without a record is not refused", "[cli]") {
    const Scratch scratch;
    scratch.file("x.log", "arm-smmu-v3 9050000.smmuv3: EVTQ overflow detected -- events lost\n");
    const Said said = run_xlate(scratch, "decode x.log");
    INFO(said.err);
    CHECK(said.status == 0);
    CHECK(holds(said.out, "Without a record\n  x.log:1: arm-smmu-v3 9050000.smmuv3: EVTQ overflow detected"));
    CHECK(holds(said.out, "the event queue was full"));
}
