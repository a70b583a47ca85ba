// `xlate decode` of the small IOMMUs' lines, as their drivers print them: formats of Linux 4.x to 6.12, of vendors'
// kernels, and lines of public logs.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "study/decode/decode.hpp"

using namespace xlate;
using namespace xlate::study;

namespace {

std::string said_of(const DecodedRecord& record) {
    std::string text;
    for (const std::string& one : record.said) text += "|" + one;
    return text;
}

/// "int-v1: bus error|at iova 0x1000", one a record.
std::vector<std::string> all_of(const std::string& text) {
    std::vector<std::string> all;
    for (const DecodedRecord& record : find_records(text, "x", nullptr))
        all.push_back(std::string(record.kind->name) + ": " + record.kind->read(record.words).headline +
                      said_of(record));
    return all;
}
std::string one_of(const std::string& text) {
    const std::vector<std::string> all = all_of(text);
    REQUIRE(all.size() == 1);
    return all.front();
}
std::string notes_of(const std::string& text, const char* kind = nullptr) {
    const auto records = find_records(text, "x", kind == nullptr ? nullptr : find_record_kind(kind));
    REQUIRE(records.size() == 1);
    std::string notes;
    for (const std::string& note : records.front().kind->read(records.front().words).notes) notes += "|" + note;
    return notes;
}
bool no_record(const std::string& text) {
    try {
        return find_records(text, "x", nullptr).empty();
    } catch (const InputError&) {
        return true;
    }
}
bool begins(const std::string& text, const std::string& start) { return text.compare(0, start.size(), start) == 0; }

}  // namespace

TEST_CASE("decode: DART's coding is the one that has the line's stream", "[study][decode]") {
    const std::string dart = "[ 3.1] apple-dart 231304000.iommu: translation fault: ";
    // t8110's stream is in bits 27:20, t8020's in 27:24; code 1 is the same fault in both.
    CHECK(one_of(dart + "status:0x80300001 stream:3 code:0x1 (NO TTBR FOR IOVA) at 0xffffc000") ==
          "t8110-error: stream 3: no valid TTBR|at iova 0xffffc000");
    CHECK(one_of(dart + "status:0x83000001 stream:3 code:0x1 (NO TTBR FOR IOVA) at 0xffffc000") ==
          "error: stream 3: no valid TTBR|at iova 0xffffc000");
    // The name decides where both codings have the stream.
    CHECK(one_of(dart + "status:0x80000008 stream:0 code:0x8 (NO PTE FOR IOVA) at 0x4000") ==
          "t8110-error: stream 0: no page|at iova 0x4000");
    CHECK(one_of(dart + "status:0x80000004 stream:0 code:0x4 (NO PTE FOR IOVA) at 0x4000") ==
          "error: stream 0: no page|at iova 0x4000");
    CHECK(one_of(dart + "status:0x80000004 stream:5 code:0x4 (NO PTE FOR IOVA) at 0x4000") ==
          "error: stream 0: no page|at iova 0x4000|the line says stream 5, which the word has in no known coding");
}

TEST_CASE("decode: Allwinner's driver says write of a permission fault alone", "[study][decode]") {
    const std::string sun = "[ 5.5] sun50i-iommu 30f0000.iommu: Page fault for 0x00000000ffe00000 ";
    CHECK(one_of(sun + "(master 3, dir wr)") == "int-sta: master 3 may not do that|write at iova 0xffe00000, master 3");
    CHECK(
        begins(one_of(sun + "(master 0, dir rd)"), "int-sta: no page|at iova 0xffe00000, master 0|the line does not "));
}

TEST_CASE("decode: an Exynos line that names no known fault is no record", "[study][decode]") {
    const std::string exynos = "exynos-sysmmu 14650000.sysmmu: 14450000.mixer: ";
    // With and without a time stamp, whose bracket is none of "[READ]".
    for (const std::string& stamp : {std::string(), std::string("[    2.9] ")}) {
        CHECK(one_of(stamp + exynos + "BUS ERROR FAULT occurred at 0x20400000") ==
              "int-v1: bus error|at iova 0x20400000");
        CHECK(one_of(stamp + exynos + "[READ] BUS ERROR FAULT occurred at 0x20400000") ==
              "int-v1: bus error|at iova 0x20400000");
        // Version 7's fourth name.
        CHECK(one_of(stamp + exynos + "[WRITE] RESERVED FAULT occurred at 0x20400000") ==
              "int-v7: a reserved fault|write at iova 0x20400000");
        CHECK(no_record(stamp + exynos + "SECURITY PROTECTION FAULT occurred at 0x20400000"));
        CHECK(no_record(stamp + exynos + "[READ] NEW FAULT occurred at 0x20400000"));
    }
    // Bits 1 and 19 of versions 5 and 6; the driver's line is the same for versions 1 and 7.
    const std::string unsaid = "|the line does not say the SysMMU's version: the bit is that of versions 5 and 6";
    CHECK(one_of(exynos + "[READ] PAGE FAULT occurred at 0x1000") ==
          "int-v5: page fault, read|at iova 0x1000" + unsaid);
    CHECK(one_of(exynos + "[WRITE] ACCESS PROTECTION FAULT occurred at 0x1000") ==
          "int-v5: access protection, write|at iova 0x1000" + unsaid);
    CHECK(one_of("exynos-sysmmu 11e20000.sysmmu: PAGE FAULT occurred at 0x20016000 (page table base: 0x6dca0000)") ==
          "int-v1: page fault|at iova 0x20016000|first level at 0x6dca0000");
    const auto v7 = find_records("0x00000042", "x", find_record_kind("exynos.int-v7"));
    CHECK(v7.front().kind->read(v7.front().words).headline == "page fault, access protection of virtual machine 1");
}

// As a panel of an Exynos7870 board that was lit before Linux printed it (with dev_dbg on).
TEST_CASE("decode: the words below an Exynos fault are read, too", "[study][decode]") {
    const std::vector<std::string> all = all_of(
        "[    2.918189] exynos-sysmmu 14860000.sysmmu: 14830000.decon: [READ] PAGE FAULT occurred at 0x6715b3e0\n"
        "[    2.918199] exynos-sysmmu 14860000.sysmmu: Page table base: 0x0000000044a14000\n"
        "[    2.918243] exynos-drm exynos-drm: bound 14830000.decon (ops decon_component_ops)\n"
        "[    2.922868] exynos-sysmmu 14860000.sysmmu: \tLv1 entry: 0x4205001\n"
        "[    2.922870] exynos-sysmmu 14860000.sysmmu: \t Lv2 entry: 0x0\n");
    REQUIRE(all.size() == 3);
    CHECK(begins(all[0], "int-v5: page fault, read|at iova 0x6715b3e0|"));
    CHECK(all[0].find("|first level at 0x44a14000") != std::string::npos);
    CHECK(begins(all[1], "lv1: a second-level table at 0x4205000 (versions 1 to 3) or 0x42050000 (5 and later)"));
    CHECK(all[2] == "lv2: nothing: a page fault");
}

TEST_CASE("decode: Rockchip's lines are read as what they say", "[study][decode]") {
    const std::vector<std::string> all = all_of(
        "[   12.1] rk_iommu ff903f00.iommu: Page fault at 0x00000000fe1c0040 of type write\n"
        "[   12.2] rk_iommu ff903f00.iommu: iova = 0x00000000fe1c0040: dte_index: 0x3f8 pte_index: 0x1c0 page_offset: "
        "0x40\n"
        "[   12.3] rk_iommu ff903f00.iommu: mmu_dte_addr: 0x00000000781d1000 dte@0x00000000781d1fe0: 0x781ce001 valid: "
        "1 pte@0x00000000781ce700: 0x78503003 valid: 1 page@0x0000000078503000 flags: 0x3\n");
    REQUIRE(all.size() == 3);
    CHECK(all[0] == "int-status: page fault|write at iova 0xfe1c0040|directory index 0x3f8, table index 0x1c0");
    CHECK(begins(all[1], "dte: a table at 0x781ce000 (version 1)"));
    CHECK(all[1].find("|at 0x781d1fe0") != std::string::npos);
    CHECK(begins(all[2], "pte: a page at 0x78503000 (version 1)"));
    CHECK(all[2].find(", readable, not writable|at 0x781ce700") != std::string::npos);
    // Without a table there is no entry: the driver prints zeros.
    CHECK(one_of("rk_iommu fe043e00.iommu: mmu_dte_addr: 0x000000000a4c0000 dte@0x000000000a4c0000: 0x000000 valid: 0 "
                 "pte@0x0000000000000000: 0x000000 valid: 0 page@0x0000000000000000 flags: 0x0") ==
          "dte: invalid: a page fault|at 0xa4c0000");
    // A line of an RK3328 board, of the list iommu@lists.linux.dev, March 2023.
    CHECK(one_of("rk_iommu ff373f00.iommu: Enable stall request timed out, status: 0x00004b") ==
          "status: paging on, page fault of a read, idle|Enable stall: not done after 1 ms");
    CHECK(notes_of("0x0000004b", "rockchip.status").find("bits 0x40 have no name in Linux") != std::string::npos);
    CHECK(
        begins(one_of("rk_iommu ff373f00.iommu: BUS_ERROR occurred at 0x00000000fd8c0000"), "int-status: bus error|"));
    CHECK(one_of("rk_iommu ff373f00.iommu: unexpected int_status: 0x000004") ==
          "int-status: an interrupt without a name (bits 0x4)");
}

TEST_CASE("decode: OMAP's line has the words of its tables", "[study][decode]") {
    const std::vector<std::string> all = all_of(
        "[ 5.2] omap-iommu 55082000.mmu: 55082000.mmu: errs:0x00000002 da:0x9e000000 pgd:0x0000000012345678 "
        "*pgd:0x8f3bd401 pte:0x000000008f3bd000 *pte:0x00000000\n"
        "[ 5.1] omap-iommu 40d01000.mmu: 40d01000.mmu: errs:0x00000002 da:0x70000000 pgd:0xc3a8c1c0 "
        "*pgd:px00000000\n");
    CHECK(all == std::vector<std::string>{"irqstatus: the tables have nothing|at 0x9e000000",
                                          "l1: a table at 0x8f3bd400|of 0x9e000000",
                                          "l2: nothing: a translation fault|of 0x9e000000",
                                          "irqstatus: the tables have nothing|at 0x70000000",
                                          "l1: nothing: a translation fault|of 0x70000000"});
    // What remoteproc's handler says; it holds no register.
    std::vector<UnreadLine> unread;
    find_records("omap_iommu 5d000000.mmu: iommu fault: da 0x0 flags 0x0", "x", nullptr, &unread);
    REQUIRE(unread.size() == 1);
    CHECK(unread.front().meaning.find("a remote processor's driver is told of a fault") == 0);
}

TEST_CASE("decode: an SMMU of Qualcomm's vendor kernels is read whole", "[study][decode]") {
    const std::string head = "[   47.228992] msm_iommu_v1: Unexpected IOMMU page fault!\n";
    const std::string far = "[   47.246149] msm_iommu_v1: FAR    = 0000000012345000\n";
    const std::string fsr = "[   47.255834] msm_iommu_v1: FSR    = 00000002 [TF ]\n";
    const std::string syndrome = "[   47.260540] msm_iommu_v1: FSYNR0 = 000005b1    FSYNR1 = 00030005\n";
    CHECK(one_of(head + far + fsr + syndrome) ==
          "context-fault: translation fault (AArch32 short tables), write, privileged, data, level 1, iova 0x12345000");
    CHECK(one_of(head + fsr + syndrome) ==
          "context-fault: translation fault (AArch32 short tables), write, privileged, data, level 1|the log does not "
          "give FAR, the address");
}

// RISC-V IOMMU Architecture Specification 1.0, 3.2 (Fault/Event-Queue), iotval2.
TEST_CASE("decode: RISC-V's iotval2 tells an implicit write from a read", "[study][decode]") {
    const std::string fault = "0x0000010000000017 0x0 0xfffff000 ";
    CHECK(notes_of(fault + "0x80001000", "riscv.fault") == "|of guest address 0x80001000");
    CHECK(notes_of(fault + "0x80001001", "riscv.fault") ==
          "|of guest address 0x80001000, read for a table of the first stage");
    CHECK(notes_of(fault + "0x80001003", "riscv.fault") ==
          "|of guest address 0x80001000, written for a table of the first stage (its A and D bits)");
    // Bit 1 alone is reserved.
    CHECK(notes_of(fault + "0x80001002", "riscv.fault") == "|of guest address 0x80001000");
    CHECK(one_of("riscv,iommu 20000000.iommu: Fault 13 devid: 0x1 iotval: fffff000 iotval2: 0").find("TTYP") !=
          std::string::npos);
}

// Linux tegra/mc.c, tegra30_mc_handle_irq() ("%s: %s%s @%pa: %s (%s%s)"), and tegra/tegra264.c, mcf_log_fault() ("%s:
// %s %s @%pa: %s (%s)") and hub_log_fault(). RW is bit 16, SECURITY 17, TYPE 30:28 (29:28 on Tegra264).
TEST_CASE("decode: Tegra's memory controller tells of one access a line", "[study][decode]") {
    const std::string smmu =
        "tegra-mc 70019000.memory-controller: dcb: non-secure read @0x0000000092b8fc00: EMEM address decode error "
        "(SMMU "
        "translation error [--S])\n";
    const std::string vpr =
        "tegra-mc 2c00000.memory-controller: unknown: secure write @0x00000003ffffff00: VPR violation ((null))\n";
    std::vector<UnreadLine> unread;
    const auto both = find_records(smmu + vpr, "x", nullptr, &unread);
    REQUIRE(both.size() == 2);
    CHECK(unread.empty());
    CHECK(both[0].words == Words{0x60000000});
    CHECK(both[0].said == std::vector<std::string>{"at 0x92b8fc00", "client dcb"});
    CHECK(*both[1].where.line == 2);
    CHECK(both[1].kind->name == "vpr-status");
    CHECK(both[1].words == Words{0x00330000});
    CHECK(
        one_of(vpr) ==
        "vpr-status: memory of protected video (VPR), of a write|at 0x3ffffff00|the driver does not know the client's "
        "number");
    const std::string start = "[ 3265.5] tegra-mc 8108020000.memory-controller: ";
    // A line of a Tegra264 of a public log.
    const auto newest = find_records(
        start + "dispr: non-secure read @0x0000fffffffffc00: EMEM address decode error (EMEM decode error)\n", "x",
        nullptr);
    REQUIRE(newest.size() == 1);
    CHECK(newest[0].kind->name == "err-status-t264");
    CHECK(newest[0].words == Words{0x10000000});
    CHECK(one_of(start + "pcie0w: non-secure write @0x0000000080000000: Security violation (Carveout violation)\n") ==
          "err-status-t264: memory of a carve-out, of a write|at 0x80000000|client pcie0w");
    CHECK(one_of(start + "seu1rd: non-secure read @0x0000001280000000: Secure carveout violation (NA)\n") ==
          "sec-status: memory of the secure carve-out, of a read|at 0x1280000000|client seu1rd");
    CHECK(begins(one_of(start + "mpcorer: read @0x80000000: MTS carveout violation ((null))\n"), "mts-status: "));
    // Not a line of its driver's.
    CHECK(no_record(start + "dcb: odd read @0x1000: EMEM address decode error (EMEM decode error)\n"));
    CHECK(no_record(start + "dcb: read @0x1000: EMEM address decode error ((null))\n"));
    for (const char* const line :
         {"ptcr: @0x0000000000000000: Read response with poison bit error status:0\n",
          "vicr: @0x0000000000000000: SMMU BYPASS ALLOW error status: 0x4\n",
          "vicr: non-secure read @0x0000000080000000: Generalized carveout violation (NA)\n",
          "vicr: non-secure read @0x0000000080000000: Route Sanity error (DECERR_PARTIAL_POPULATED)\n"}) {
        unread.clear();
        CHECK(find_records(start + line, "x", nullptr, &unread).empty());
        REQUIRE(unread.size() == 1);
        CHECK_FALSE(unread.front().meaning.empty());
    }
}

// Linux virtio-iommu.c, viommu_event_handler(); riscv/iommu.c, riscv_iommu_cmdq_process() and others.
TEST_CASE("decode: virtio's and RISC-V's lines without a record say what they mean", "[study][decode]") {
    const std::pair<const char*, const char*> lines[] = {
        {"virtio_iommu virtio0: invalid event buffer (len 32 != 24)", "a fault that the log does not tell of"},
        {"virtio_iommu virtio0: could not add event buffer", "later faults may be lost"},
        {"riscv,iommu 1bccd000.iommu: Queue #0 error; fault:0 timeout:1 illegal:0 fence_w_ip:0", "(cmd_to)"},
        {"riscv,iommu 1bccd000.iommu: Queue #0 error; fault:1 timeout:0 illegal:0 fence_w_ip:0", "(cqmf)"},
        {"riscv,iommu 1bccd000.iommu: Queue #0 error; fault:0 timeout:0 illegal:1 fence_w_ip:0", "(cmd_ill)"},
        {"riscv,iommu 1bccd000.iommu: Queue #1 error; memory fault:0 overflow:1", "(fqof)"},
        {"riscv,iommu 1bccd000.iommu: Queue #1 error; memory fault:1 overflow:0", "(fqmf)"},
        {"riscv,iommu 1bccd000.iommu: Hardware error: command execution timeout", "does not take commands"},
        {"riscv,iommu 1bccd000.iommu: Hardware error: command enqueue failed", "does not take commands"}};
    for (const auto& [line, part] : lines) {
        INFO(line);
        std::vector<UnreadLine> unread;
        CHECK(find_records(line, "x", nullptr, &unread).empty());
        REQUIRE(unread.size() == 1);
        CHECK(unread.front().meaning.find(part) != std::string::npos);
    }
}

TEST_CASE("decode: a virtio endpoint above 0xffff is no PCI function", "[study][decode]") {
    CHECK(notes_of("virtio_iommu virtio0: domain fault from EP 65535").find("is ff:1f.7") != std::string::npos);
    CHECK(notes_of("virtio_iommu virtio0: domain fault from EP 65536").find("PCI") == std::string::npos);
}
