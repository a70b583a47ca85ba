// `xlate decode` of VT-d's queue, its status and its tables as kernels print them. Lines: real logs (bug reports,
// mailing lists) and the format strings of Linux 6.13 and older, and of Xen; meanings: VT-d specification 4.1,
// sections 6.5.2 and 11.4.
#include <catch2/catch.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "tests/study/decoded_text.hpp"

using namespace xlate;
using namespace xlate::study;
using namespace xlate::tests;

TEST_CASE("decode: VT-d's walk in scalable mode is read as such", "[study][decode]") {
    const std::string legacy =
        "[ 1.0] DMAR: Dump dmar0 table entries for IOVA 0xffffe000\n"
        "[ 1.0] DMAR: root entry: 0x0000000102a2e001\n"
        "[ 1.0] DMAR: context entry: hi 0x0000000000000302, low 0x0000000105f5a001\n"
        "[ 1.0] DMAR: pte level: 4, pte value: 0x0000000105f5b003\n"
        "[ 1.0] DMAR: pte level: 2, pte value: 0x0000000105e00083\n";
    CHECK(kinds(legacy) == std::vector<std::string>{"root", "context", "pte", "pte"});
    CHECK(find_records(legacy, "x", nullptr)[2].said ==
          std::vector<std::string>{"level 4 of the walk for 0xffffe000: a table"});
    CHECK(find_records(legacy, "x", nullptr)[3].said ==
          std::vector<std::string>{"level 2 of the walk for 0xffffe000: a page of 2 MiB"});
    std::string entry;
    const char* const words[] = {"0000000000000041", "0000000000800009", "0000000091000031", "0000000000000000",
                                 "0000000000000000", "0000000000000000", "0000000000000000", "0000000000000000"};
    for (int i = 0; i < 8; ++i) entry += fmt::format("[ 1.0] DMAR: pasid table entry[{}]: 0x{}\n", i, words[i]);
    const std::string scalable =
        "[ 1.0] DMAR: Dump dmar0 table entries for IOVA 0x1000\n"
        "[ 1.0] DMAR: scalable mode root entry: hi 0x0000000000000000, low 0x0000000102a2e001\n"
        "[ 1.0] DMAR: context entry: hi 0x0000000000000000, low 0x000000008a000009\n"
        "[ 1.0] DMAR: pasid dir entry: 0x000000008b000001\n" +
        entry + "[ 1.0] DMAR: pte level: 4, pte value: 0x0000000091001027\n[ 1.0] DMAR: pte level: 1, pte value: 0x0\n";
    CHECK(kinds(scalable) == std::vector<std::string>{"scalable-root", "scalable-context", "pasid-directory", "pasid",
                                                      "pte-first", "pte-first"});
    const std::string text = decoded(scalable);
    CHECK(holds(text, "devices 00 to 0f: context table at 0x102a2e000, devices 10 to 1f: not present, refused"));
    CHECK(holds(text, "PASID directory of 128 entries at 0x8a000000, requests without one have PASID 0x0"));
    CHECK(holds(text, "the line has two of its four words"));
    CHECK(holds(text, "PASID table at 0x8b000000"));
    CHECK(holds(text, "first level of 4 levels at 0x91000000, DID 9"));
    CHECK(holds(text, "a table, or a page of 4 KiB at 0x91001000, rw, user and supervisor"));
    CHECK(holds(text, "level 1 of the walk for 0x1000\n"));
    // PGTT 2: the words are of the second level.
    std::string second = scalable;
    second.replace(second.find("0000000000000041"), 16, "0000000090000089");
    CHECK(kinds(second).back() == "pte");
    // A later dump in legacy mode is one again.
    const auto both = kinds(scalable + legacy);
    CHECK(std::count(both.begin(), both.end(), "context") == 1);
    // Linux 6.1 with a context entry that is not present; it went on walking.
    CHECK(holds(decoded("[    1.624998] DMAR: root entry: 0x00000001032b5001\n"
                        "[    1.624999] DMAR: context entry: hi 0x0000000000000000, low 0x0000000000000000\n"
                        "[    1.626163] DMAR: pte level: 2, pte value: 0xf000ff53f000ff53\n"),
                "is no word of a table"));
    CHECK(holds(decoded("0x8000000091200087\n", "vt-d.pte-first"),
                "a page of its level's size at 0x91200000, rw, user and supervisor, no execution"));
}

TEST_CASE("decode: VT-d's fault status and errors of its queue", "[study][decode]") {
    CHECK(
        holds(decoded("0x40\n", "vt-d.fsts"), "ITE: a device did not answer an invalidation of its TLB (ATC) in time"));
    CHECK(rows("0x40\n", "vt-d.fsts") == "ITE 1");
    CHECK(rows("0x00000402\n", "vt-d.fsts") == "PPF 1; FRI 4");
    CHECK(holds(decoded("0xff\n", "vt-d.fsts"), "PFO, PPF, AFO, APF, IQE, ICE, ITE, PRO, first fault in record 0"));
    CHECK(holds(decoded("DMAR: DRHD: handling fault status reg ffffffff\n"), "the unit does not answer"));
    const std::string queue =
        "[ 147.069016] DMAR: VT-d detected Invalidation Time-out Error: SID 0\n"
        "[ 147.069016] DMAR: DRHD: handling fault status reg 40\n"
        "[ 147.080924] DMAR: QI HEAD: Device-TLB Invalidation qw0 = 0xaf0300100003, qw1 = 0x7ffffffffffff001\n"
        "[ 147.090207] DMAR: QI PRIOR: Invalidation Wait qw0 = 0x200000025, qw1 = 0x10005f634\n"
        "[ 147.090300] DMAR: Invalidation Time-out Error (ITE) cleared\n";
    std::vector<UnreadLine> unread;
    CHECK(kinds(queue, &unread) == std::vector<std::string>{"fsts", "descriptor", "descriptor"});
    CHECK(unread.empty());
    const std::string text = decoded(queue);
    CHECK(holds(text, "SID 0x0: device 00:00.0, or a unit that does not say which"));
    CHECK(holds(text, "the driver has cleared ITE"));
    CHECK(holds(text, "device tlb, device af:00.3 (0xaf03), all addresses\n  at the head of the queue\n"));
    CHECK(holds(text, "wait, writes 0x2 to 0x10005f634\n  the one before the head of the queue\n"));
    CHECK(find_records(queue, "x", nullptr)[0].words == Words{0x40});
    // A machine with VMD whose unit does not answer (Linux, bug 216809).
    const auto gone = find_records(
        "[   33.592638] DMAR: VT-d detected Invalidation Queue Error: Reason f\n"
        "[   33.592640] DMAR: VT-d detected Invalidation Time-out Error: SID ffff\n"
        "[   33.599853] DMAR: VT-d detected Invalidation Completion Error: SID ffff\n"
        "[   33.607339] DMAR: QI HEAD: UNKNOWN qw0 = 0x0, qw1 = 0x0\n"
        "[   33.621143] DMAR: QI PRIOR: UNKNOWN qw0 = 0x0, qw1 = 0x0\n",
        "x", nullptr);
    REQUIRE(gone.size() == 3);
    CHECK(gone[0].words == Words{0x70});
    CHECK(gone[0].said.size() == 3);
    CHECK(holds(gone[0].said[0], "reason 0xf: all ones"));
    CHECK(holds(decoded("DMAR: VT-d detected Invalidation Queue Error: Reason 4\n"), "a reserved bit set"));
    CHECK(holds(decoded("DMAR: VT-d detected Invalidation Completion Error: SID 5300\n"), "device 53:00.0 (0x5300)"));
    // Before 5.14, and before 5.0.
    CHECK(holds(decoded("DMAR: VT-d detected invalid descriptor: qw0 = 500f2, qw1 = 10000002\n"),
                "iotlb (page), DID 5, 4 pages at 0x10000000\n  the queue stopped at it (IQE)"));
    CHECK(holds(decoded("DMAR: VT-d detected invalid descriptor: low=500f2, high=10000002\n"), "iotlb (page), DID 5"));
    // Two interrupts are two records.
    CHECK(kinds("DMAR: DRHD: handling fault status reg 40\nDMAR: DRHD: handling fault status reg 40\n").size() == 2);
}

TEST_CASE("decode: a status of pending faults is told with the fault", "[study][decode]") {
    const std::string fault =
        "DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x7cd80000 [fault reason 0x06] PTE Read "
        "access\n";
    CHECK(kinds("DMAR: DRHD: handling fault status reg 2\n" + fault) == std::vector<std::string>{"fault"});
    const auto lost = find_records("DMAR: DRHD: handling fault status reg 3\n" + fault, "x", nullptr);
    REQUIRE(lost.size() == 1);
    CHECK(lost[0].said == std::vector<std::string>{"FSTS had PFO set: more faults than fault records, some are lost"});
    // Alone, or with an error of the queue, it is a record.
    CHECK(kinds("DMAR: DRHD: handling fault status reg 3\nusb 1-1: reset\n") == std::vector<std::string>{"fsts"});
    CHECK(kinds("DMAR: DRHD: handling fault status reg 42\n" + fault) == std::vector<std::string>{"fsts", "fault"});
}

TEST_CASE("decode: rows of a VT-d descriptor are those of its type", "[study][decode]") {
    CHECK(rows("0xaf0300100003 0x7ffffffffffff001\n", "vt-d.descriptor") ==
          "type 3; MIP 16; SID 0xaf03; PFSID 0x0; S 1");
    // A passed-through GPU: PFSID in two pieces.
    CHECK(rows("0x5300530000000003 0x7ffffffffffff001\n", "vt-d.descriptor") ==
          "type 3; MIP 0; SID 0x5300; PFSID 0x5300; S 1");
    CHECK(rows("0x200000025 0x10005f634\n", "vt-d.descriptor") == "type 5; SW 1; status data 0x2");
    CHECK(rows("0x500f2 0x10000002\n", "vt-d.descriptor") == "type 2; G 3; DID 5; DW 1; DR 1; AM 2");
    CHECK(rows("0x12310000014 0x0\n", "vt-d.descriptor") == "type 4; G 1; IM 2; IIDX 0x123");
    const auto json = decode_json(find_records("0x200000025 0x10005f634\n", "x", find_record_kind("vt-d.descriptor")));
    CHECK_FALSE(json["records"][0]["fields"].contains("AM"));
    CHECK(json["records"][0]["fields"]["SW"] == 1);
    // PCIe ATS: with S the lowest zero bit of the address from 12 on says the size, bit 12 itself 8 KiB.
    const auto range = [](const char* word) {
        return decoded(fmt::format("0x100000003 {}\n", word), "vt-d.descriptor");
    };
    CHECK(holds(range("0x12345000"), "4 KiB at 0x12345000"));
    CHECK(holds(range("0x12344001"), "8 KiB at 0x12344000"));
    CHECK(holds(range("0x10007001"), "64 KiB at 0x10000000"));
    CHECK(holds(range("0x100ff001"), "2 MiB at 0x10000000"));
    CHECK(holds(range("0xfffffffffffff001"), "all addresses"));
    // Of 32 bytes; S is bit 11 there.
    CHECK(holds(decoded("0x0000012301000008 0x10007800\n", "vt-d.descriptor"),
                "pasid device tlb, device 01:00.0 (0x100), PASID 0x123, 64 KiB at 0x10000000"));
    CHECK_FALSE(holds(decoded("0x0000012301000008 0x10007800\n", "vt-d.descriptor"), "illegal"));
    CHECK(holds(decoded("0x0 0x0\n", "vt-d.descriptor"), "illegal"));
}

// Linux: __domain_mapping(), IOMMU_WAIT_OP, warn_invalid_dmar(), prq_event_thread(), pgtable_walk().
TEST_CASE("decode: VT-d's lines without a record say what they mean", "[study][decode]") {
    const std::pair<const char*, const char*> lines[] = {
        {"DMAR: ERROR: DMA PTE for vPFN 0xf1f80 already set (to f1f80003 not 12bea5803)", "mapped already"},
        {"ERROR: DMA PTE for vPFN 0x428ec already set (to 3f6ec003 not 3f6ec003)", "mapped already"},
        {"Kernel panic - not syncing: DMAR hardware is malfunctioning", "within ten seconds"},
        {"Your BIOS is broken; DMAR reported at address fed90000 returns all ones!", "where there is none"},
        {"DMAR: IOMMU: dmar0: PRQ overflow detected", "the page request queue was full"},
        {"DMAR: IOMMU: dmar0: Page request without PASID", "without a PASID"},
        {"DMAR: IOMMU: dmar0: Address is not canonical", "an address that cannot be one"},
        {"DMAR: page table not present at level 1", "no entry for the address"},
        {"DMAR: PTE not present at level 2", "no entry for the address"},  // before 6.13
        {"DMAR: root table is not present", "no root table"}};
    for (const auto& [line, part] : lines) {
        INFO(line);
        std::vector<UnreadLine> unread;
        CHECK(find_records(line, "x", nullptr, &unread).empty());
        REQUIRE(unread.size() == 1);
        CHECK(holds(unread.front().meaning, part));
    }
}

// Andrew Cooper, xen-devel, July 2019.
TEST_CASE("decode: Xen's interrupt faults of VT-d take two lines", "[study][decode]") {
    const std::string text = decoded(
        "(XEN) [VT-D]INTR-REMAP: Request device [0000:f0:1f.0] fault index 5, iommu reg = ffff82c00021d000\n"
        "(XEN) [VT-D]INTR-REMAP: reason 22 - Present field in the IRTE entry is clear\n");
    CHECK(holds(text, "(0x22), device f0:1f.0 (0xf0f8), interrupt index 0x5"));
    CHECK_FALSE(holds(text, "Not understood"));
}
