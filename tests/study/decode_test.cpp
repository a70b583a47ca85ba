// `xlate decode`. Words and meanings: docs/spec/iommu-hardware.md, sections 13 and 17, and corpus/field.
#include "study/decode/decode.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>

#include "tests/corpus.hpp"

using namespace xlate;
using namespace xlate::study;

namespace {

std::string read(const std::string& text, const char* kind = nullptr) {
    std::string all;
    for (const DecodedRecord& record : find_records(text, "x", kind == nullptr ? nullptr : find_record_kind(kind)))
        all += (all.empty() ? "" : " / ") + record.kind->read(record.words).headline;
    return all;
}

std::string refusal(const std::string& text, const char* kind = nullptr) {
    try {
        read(text, kind);
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("decode: SMMUv3 event records say what happened to which access", "[study][decode]") {
    const std::pair<const char*, const char*> events[] = {
        {"0x0000001000003810 0x0000020800000000 0xDEADB000 0x0",
         "F_TRANSLATION, sid 0x10, ssid 0x3, read, unprivileged, data, stage 1, iova 0xdeadb000"},
        {"0x0000001000000013 0x0000028000000000 0x1000 0x40001000",
         "F_PERMISSION, sid 0x10, write, unprivileged, data, stage 2, iova 0x1000, ipa 0x40001000"},
        {"0x0000011000000002 0x0 0x0 0x0", "C_BAD_STREAMID, sid 0x110"},
        {"0x0000001000020008 0x0 0x0 0x0", "C_BAD_SUBSTREAMID, sid 0x10, ssid 0x20"},
        {"0x0000001000000003 0x0 0x0 0x80100400", "F_STE_FETCH, sid 0x10, fetch address 0x80100400"},
        {"0x0000001000003809 0x0 0x0 0x800010C0", "F_CD_FETCH, sid 0x10, ssid 0x3, fetch address 0x800010c0"},
        {"0x000000100000000B 0x0000010800000000 0x5000 0x83000028",
         "F_WALK_EABT, sid 0x10, read, unprivileged, data, stage 1, iova 0x5000, fetch address 0x83000028"},
        {"0x0000001000000012 0x0000020E00000000 0x7123 0x0",
         "F_ACCESS, sid 0x10, read, privileged, instruction, stage 1, iova 0x7123"},
        {"0x0000002000005810 0x0000020880001234 0x6000 0x0",
         "F_TRANSLATION, sid 0x20, ssid 0x5, read, unprivileged, data, stage 1, iova 0x6000, stalled (tag 0x1234)"},
        {"0x0000001000000004 0x0 0x0 0x0", "C_BAD_STE, sid 0x10"},
    };
    for (const auto& [words, meaning] : events) {
        CHECK(read(words) == meaning);
        CHECK(read(words, "event") == meaning);
    }
    CHECK(read("0x0000001000000030 0x0 0x0 0x0", "event") == "reserved event type 0x30, sid 0x10");
    CHECK(read("0x00000010000000E5 0x0 0x0 0x0", "event") == "implementation defined event type 0xe5, sid 0x10");
}

TEST_CASE("decode: SMMUv3 commands", "[study][decode]") {
    const std::pair<const char*, const char*> commands[] = {
        {"0x0000123400000003 0x1", "CMD_CFGI_STE, sid 0x1234, leaf only"},
        {"0x0012000700000012 0x0000000010000001", "CMD_TLBI_NH_VA, vmid 0x7, asid 0x12, address 0x10000000, leaf only"},
        {"0x001200000001F012 0x0000000010000701",
         "CMD_TLBI_NH_VA, vmid 0x0, asid 0x12, address 0x10000000, 32 granules of 4 KiB, leaves at level 3, leaf only"},
        {"0x0012000000502012 0x0000000010000400",
         "CMD_TLBI_NH_VA, vmid 0x0, asid 0x12, address 0x10000000, 96 granules of 4 KiB, with walk caches"},
        {"0x000000000FC01046 0x0000000080040010", "CMD_SYNC, interrupt, message 0x0 to 0x80040010"},
        {"0x0000001000001044 0x5", "CMD_RESUME, sid 0x10, stall tag 0x5, retry"},
        {"0x0000001000000040 0x34", "CMD_ATC_INV, sid 0x10, all addresses"},
        {"0x000000070090302A 0x0000000040000601",
         "CMD_TLBI_S2_IPA, vmid 0x7, ipa 0x40000000, 2048 granules of 4 KiB, leaves at level 2, leaf only"},
    };
    for (const auto& [words, meaning] : commands) CHECK(read(words) == meaning);
    CHECK(read("0x7F 0x0", "command") == "reserved opcode 0x7f");
}

TEST_CASE("decode: SMMUv3 structures, descriptors and global errors", "[study][decode]") {
    const std::string zeros = " 0x0 0x0 0x0 0x0 0x0 0x0";
    CHECK(read("0x000000008000100B 0x0" + zeros, "ste") == "stage 1 translates, context descriptors at 0x80001000");
    CHECK(read("0x0000000000000009 0x0000100000000000" + zeros, "ste") == "bypass: addresses go through as they are");
    CHECK(read("0xD 0x0 0x044A355800000007 0x0000000081000000 0x0 0x0 0x0 0x0", "ste") ==
          "stage 2 translates, stage 2 tables at 0x81000000, vmid 0x7");
    CHECK(read("0x0012E205C0003510 0x0000000082000000" + zeros, "cd") == "asid 0x12, tables at 0x82000000 for 48 bits");
    CHECK(read("0x0060000456789F47", "pte")
              .find("at level 3 a page at 0x456789000, read and write, unprivileged too, of one asid") == 0);
    CHECK(read("0x0060000456789FC7", "pte").find("read only, unprivileged too") != std::string::npos);
    CHECK(read("0x0000000083000003", "pte").find("above a table at 0x83000000") != std::string::npos);
    CHECK(read("0x0000000400000F45", "pte").find("a block at 0x400000000, read and write") == 0);
    CHECK(read("0x00000004567897FF", "pte-s2").find("a page at 0x456789000, read and write") != std::string::npos);
    CHECK(read("0x0000000080100009", "l1std") == "256 entries at 0x80100000");
    CHECK(read("0x5", "gerror") == "CMDQ_ERR, EVENTQ_ABT");
    CHECK(read("0x01000003", "cmdq-cons") == "CERROR_ILL: the command is illegal, at position 0x3");
}

TEST_CASE("decode: SMMUv2 and Rockchip fault registers", "[study][decode]") {
    CHECK(read("smmu: Unhandled context fault: fsr=0x402, iova=0x9b0cc000, fsynr=0x13, cbfrsynra=0x1a, cb=3") ==
          "translation fault (AArch64 tables), write, unprivileged, data, level 3, sid 0x1a, iova 0x9b0cc000");
    CHECK(read("0x40000202", "fsr") == "translation fault (AArch32 long tables)");
    CHECK(read("0x80000002", "gfsr") == "unidentified stream");
    CHECK(
        read("arm-smmu 9050000.iommu: \tGFSR 0x80000002, GFSYNR0 0x00000000, GFSYNR1 0x0000001a, GFSYNR2 0x00000000") ==
        "unidentified stream, read, unprivileged, data, sid 0x1a");
    CHECK(read("0x1", "int-status") == "page fault");
    CHECK(read("0x27", "rockchip.status") == "paging on, page fault of a write, stalled");
    CHECK(read("rk_iommu ff940300.iommu: Page fault at 0x12345678 of type write") == "page fault");
    CHECK(read("0x83005001", "dte").find("a table at 0x83005000") == 0);
    CHECK(read("0x34567BA7", "rockchip.pte") ==
          "a page at 0x34567000 (version 1) or 0xab34567000 (version 2), readable, writable");
}

TEST_CASE("decode: Exynos faults, registers and table words", "[study][decode]") {
    CHECK(read("exynos-sysmmu 14650000.sysmmu: 14450000.mixer: [READ] PAGE FAULT occurred at 0x20c80000")
              .find("page fault, read") == 0);
    CHECK(read("exynos-sysmmu 14650000.sysmmu: 14450000.mixer: [WRITE] ACCESS PROTECTION FAULT occurred at 0x1000")
              .find("access protection, write") == 0);
    CHECK(read("0x20000", "exynos.int-v5").find("page fault, write") == 0);
    CHECK(read("0x1", "exynos.int-v1").find("page fault") == 0);
    CHECK(read("0x30600000", "exynos.version") == "version 3.3");
    CHECK(read("0x80000001", "exynos.version") == "version 1.0");
    CHECK(read("0x88000441", "exynos.lv1").find("0x880004400 (5 and later)") != std::string::npos);
    CHECK(read("0x45608402", "exynos.lv1").find("1 MiB at 0x45600000 (versions 1 to 3)") == 0);
    CHECK(read("0x45678212", "exynos.lv2").find("read only") != std::string::npos);
    CHECK(read("0x01100784", "exynos.cfg") == "rights are checked, first-level words are cached");
    CHECK(read("0x7", "exynos.ctrl") == "blocked: accesses wait");
    CHECK(read("0x0", "exynos.lv2") == "nothing: a page fault");
}

// Linux before 6.0: sysmmu_faults[], sysmmu_v5_faults[].
TEST_CASE("decode: Exynos faults of older kernels", "[study][decode]") {
    CHECK(read("exynos-sysmmu 14650000.sysmmu: 14450000.mixer: PAGE FAULT occurred at 0x20016000\n") ==
          read("0x1", "exynos.int-v1"));
    CHECK(read("exynos-sysmmu 14650000.sysmmu: 14450000.mixer: AR PAGE FAULT occurred at 0x20016000\n") ==
          "page fault, read");
    CHECK(read("exynos-sysmmu 14650000.sysmmu: 14450000.mixer: AW ACCESS PROTECTION FAULT occurred at 0x20016000\n") ==
          "access protection, write");
}

TEST_CASE("decode: DART's errors, registers and table words", "[study][decode]") {
    CHECK(read("0x83000004", "dart.error") == "stream 3: no page");
    CHECK(
        read("apple-dart 231304000.iommu: translation fault: status:0x83000004 stream:3 code:0x4 (NO PTE FOR IOVA) at "
             "0xff00000") == "stream 3: no page");
    CHECK(
        read("apple-dart 231304000.iommu: translation fault: status:0x80300008 stream:3 code:0x8 (NO PTE FOR IOVA) at "
             "0xff00000") == "stream 3: no page");
    CHECK(read("0x80500021", "dart.t8110-error") == "stream 5: no valid TTBR, a read that the page does not allow");
    CHECK(read("0x0", "dart.error") == "no error");
    CHECK(read("0x1100", "dart.tcr") == "bypass");
    CHECK(read("0x80", "dart.tcr") == "translate");
    CHECK(read("0x0", "dart.tcr") == "blocked");
    CHECK(read("0x9", "dart.t8110-tcr") == "translate, three levels of tables below the base");
    CHECK(read("0x80043538", "dart.ttbr") == "a table at 0x43538000");
    CHECK(read("0x43539", "dart.t8110-ttbr") == "a table at 0x43538000");
    CHECK(read("0x000fff0043538003", "dart.pte") == "0x43538000");
    CHECK(read("0x000fff0043538103", "dart.pte") == "0x43538000, not readable");
    CHECK(read("0x0000000004353805", "dart.pte2").find("0x43538000, not writable") == 0);
    CHECK(read("0x2", "dart.pte") == "invalid");
}

TEST_CASE("decode: Tegra's errors, flushes and table words", "[study][decode]") {
    CHECK(read("0x6b010006", "tegra.err-status") == "the SMMU has no page, or not the right, of a write");
    const char* const line =
        "tegra-mc 70019000.memory-controller: display0a: read @0x0000000280000000: EMEM address decode "
        "error (SMMU translation error [-W-])";
    CHECK(read(line) == "the SMMU has no page, or not the right, of a read");
    CHECK(find_records(line, "x", nullptr)[0].said == std::vector<std::string>{"at 0x280000000", "client display0a"});
    CHECK(read("tegra-mc 70019000.memory-controller: sdmmcwab: secure write @0x80000000: Security violation (Carveout "
               "violation)") == "memory of a carve-out, of a write");
    CHECK(read("0x400", "tegra.intstatus") == "no page in the SMMU");
    CHECK(read("0x80000003", "tegra.tlb-flush") == "the group of 16 KiB at 0x0 of ASID 0");
    CHECK(read("0x82000407", "tegra.tlb-flush") == "the group of 16 KiB at 0x404000 of ASID 2");
    CHECK(read("0x0", "tegra.tlb-flush") == "everything of every ASID");
    CHECK(read("0x80000001", "tegra.swgroup") == "translated by ASID 1");
    CHECK(read("0x0", "tegra.swgroup") == "off: its clients pass untranslated");
    CHECK(read("0xF0083005", "tegra.pde") == "a table at 0x83005000, readable, writable");
    CHECK(read("0xE0083005", "tegra.pde") == "a page of 4 MiB at 0x83005000, readable, writable");
    CHECK(read("0xA0083005", "tegra.pte") == "a page at 0x83005000, readable, not writable");
    CHECK(read("0x0", "tegra.pte") == "nothing: neither readable nor writable");
}

TEST_CASE("decode: OMAP's interrupts, TLB entries and table words", "[study][decode]") {
    CHECK(read("omap-iommu 55082000.mmu: 55082000.mmu: errs:0x00000002 da:0x123abcde pgd:0x0 *pgd:px00000000") ==
          "the tables have nothing / nothing: a translation fault");
    CHECK(read("0x12", "irqstatus") == "the tables have nothing, two entries match");
    CHECK(read("0x00ABC00E", "cam") == "4 KiB at 0xabc000, preserved over GFLUSH");
    CHECK(read("0x00000420", "omap.lock") == "1 entries locked, the next victim is 2");
    CHECK(read("0x81040002", "omap.l1") == "16 MiB at 0x81000000");
    CHECK(read("0x80004001", "omap.l1") == "a table at 0x80004000");
    CHECK(read("0x9ABCD002", "omap.l2") == "4 KiB at 0x9abcd000");
    CHECK(read("0x9AB50001", "omap.l2") == "64 KiB at 0x9ab50000");
}

// Words: docs/spec/iommu-hardware.md section 17. Lines: as the drivers of docs/boards.md's families print them.
TEST_CASE("decode: MediaTek's faults and table words, of both generations", "[study][decode]") {
    CHECK(read("0x1", "mediatek.int-main") == "MMU 0: no page");
    CHECK(read("0x280", "mediatek.int-main") == "MMU 1: no page, an address outside the valid range");
    CHECK(read("0x23456202", "mediatek.fault-va") == "write at 0x123456000");
    CHECK(read("0x45678E52", "mediatek.l2") == "4 KiB at 0x345678000");
    CHECK(read("0x456B1212", "mediatek.l1") == "1 MiB at 0x345600000");
    CHECK(read("0x80004409", "mediatek.l1") == "a table at 0x80004400");
    CHECK(read("0x00005501", "mediatek.nonsec-con") == "the port goes through the M4U, addresses from 0x100000000 on");
    CHECK(read("0x80000004", "mediatek.pt-base") == "first level at 0x480000000");
    CHECK(read("0x0", "mediatek.l2") == "nothing: a fault");
    const char* const newer =
        "mtk-iommu 14016000.iommu: fault type=0x280 iova=0x1fffff000 pa=0x0 master=0xa9c(larb=20 "
        "port=7) layer=0 write";
    CHECK(read(newer) == "MMU 1: no page, an address outside the valid range");
    CHECK(find_records(newer, "x", nullptr)[0].said ==
          std::vector<std::string>{"write at iova 0x1fffff000", "larb 20, port 7"});
    CHECK(read("mtk-iommu 10205000.iommu: fault type=0x1 iova=0x12345000 pa=0x0 larb=0 port=3") == "no page");
    CHECK(read("0xA000", "mediatek-v1.int-id") == "larb 1, port 0");
    CHECK(read("0x83005002", "mediatek-v1.word") == "4 KiB at 0x83005000");
    CHECK(read("0x83005000", "mediatek-v1.word") == "nothing: a fault");
}

TEST_CASE("decode: Renesas', Allwinner's and Spreadtrum's registers and table words", "[study][decode]") {
    CHECK(read("ipmmu-vmsa e6740000.iommu: Unhandled fault: status 0x00000001 iova 0x456789ab") == "no page");
    CHECK(read("ipmmu-vmsa e6740000.iommu: Multiple TLB hits @0x1000") == "two TLB entries match");
    CHECK(read("ipmmu-vmsa e6740000.iommu: Page Table Walk Abort @0x1000") == "a table walk was aborted");
    CHECK(read("0x80003510", "ipmmu.imttbcr") ==
          "the root table is of level 1 (Gen2) or a reserved level (Gen3, Gen4)");
    CHECK(read("0x80000080", "ipmmu.imttbcr") == "the root table is of level 2 (Gen2) or level 1 (Gen3, Gen4)");
    CHECK(read("0x23", "ipmmu.imuctr") == "the micro-TLB uses context 2");
    CHECK(read("0x7", "ipmmu.imctr") == "translates, a flush is under way, faults interrupt");
    CHECK(read("0x0000000456789F67", "ipmmu.pte").find("at level 3 a page at 0x456789000") == 0);

    CHECK(read("sun50i-iommu 30f0000.iommu: Page fault for 0x0000000012345000 (master 3, dir rd)") == "no page");
    CHECK(read("0x4", "sun50i.int-sta") == "master 2 may not do that");
    CHECK(read("0x00010000", "sun50i.int-sta") == "no table");
    CHECK(read("0x83005401", "sun50i.dte") == "a table at 0x83005400");
    CHECK(read("0x45678022", "sun50i.pte") == "a page at 0x45678000 of domain 2");
    CHECK(read("0x45678020", "sun50i.pte") == "nothing: a fault");

    CHECK(read("0x00045678", "sprd.word") == "a page at 0x45678000");
    CHECK(read("0x0", "sprd.word") == "not mapped: the access goes to the default page");
    CHECK(read("0x3", "sprd.cfg") == "translates");
    CHECK(read("0x00000100", "sprd.version") == "version 1 (VAU)");
}

TEST_CASE("decode: Qualcomm's first, Verisilicon's and BCM2712's registers and table words", "[study][decode]") {
    CHECK(read("msm_iommu: Unexpected IOMMU page fault!\n"
               "msm_iommu: FAR    = 12345000    PAR    = 00000000\n"
               "msm_iommu: FSR    = 40000002 [TF SS ]\n"
               "msm_iommu: FSYNR0 = 00000003    FSYNR1 = 00000100\n") ==
          "the access that faulted is at 0x12345000 / no page, stalled / write, unprivileged, data, master 0x3");
    CHECK(read("0x00000200", "msm.m2vcbr") == "the master uses context bank 2, VMID 0");
    CHECK(read("0x00010000", "msm.m2vcbr") == "the master passes untranslated");
    CHECK(read("0x81040402", "msm.l1") == "16 MiB at 0x81000000");
    CHECK(read("0x80004001", "msm.l1") == "a table at 0x80004000");
    CHECK(read("0x9ABCD032", "msm.l2") == "4 KiB at 0x9abcd000");
    CHECK(read("0x9AB50231", "msm.l2") == "64 KiB at 0x9ab50000, read only");

    CHECK(read("vsi_iommu fdca0000.iommu: unexpected int_status=00000002") == "no page");
    CHECK(read("0x83005041", "verisilicon.dte") == "a table at 0x83005040");
    CHECK(read("0x45678125", "verisilicon.pte") == "a page at 0x1245678000, read and write");
    CHECK(read("0x45678001", "verisilicon.pte") == "a page at 0x45678000, read only");

    CHECK(read("0x00100001", "bcm2712.ctrl") == "translates; seen since they were cleared: an access without a page");
    CHECK(read("0x30045678", "bcm2712.word") == "a page or a table at 0x45678000, read and write");
    CHECK(read("0x0", "bcm2712.word") == "nothing: a fault");
}

TEST_CASE("decode: virtio-iommu's events, requests and tails", "[study][decode]") {
    CHECK(read("00000002 00000102 00000018 00000000 10004000 00000000", "virtio.event") ==
          "no mapping, endpoint 0x18, write at 0x10004000");
    CHECK(read("viommu 0000:00:0b.0: page fault from EP 24 at 0xdeadb000 [ W ]") ==
          "no mapping, endpoint 0x18, write at 0xdeadb000");
    CHECK(read("virtio_iommu virtio0: domain fault from EP 8") == "no domain is attached, endpoint 0x8");
    CHECK(read("00000001 00000001 00000018 00000000 00000000", "virtio.attach") == "ATTACH endpoint 0x18 to domain 1");
    CHECK(read("00000003 00000001 10000000 00000000 10003fff 00000000 56788000 00000004 00000003", "virtio.map") ==
          "MAP in domain 1 0x10000000..0x10003fff to 0x456788000, read, write");
    CHECK(read("00000004 00000001 10000000 00000000 10003fff 00000000 00000000", "virtio.unmap") ==
          "UNMAP in domain 1 0x10000000..0x10003fff");
    CHECK(read("00000005", "virtio.tail") == "RANGE: outside of what there is");
    CHECK(read("00140001 00000001 fee00000 00000000 feefffff 00000000", "virtio.resv-mem") ==
          "MSI window 0xfee00000..0xfeefffff");
}

TEST_CASE("decode: as kernels print it, with time stamps and other lines around", "[study][decode]") {
    CHECK(
        read("[   12.345678] arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:\n"
             "[   12.345679] arm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000001100000010\n"
             "[   12.345680] arm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000020a00000000\n"
             "[   12.345681] arm-smmu-v3 arm-smmu-v3.0.auto: \t0x000000009b0cc000\n"
             "[   12.345682] arm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000000000000000\n"
             "[   12.400000] nvme nvme0: controller is down; will reset: CSTS=0xffffffff\n"
             "[   12.500000] arm-smmu-v3 arm-smmu-v3.0.auto: unexpected global error reported (0x00000001), this could "
             "be serious\n"
             "[   12.500001] arm-smmu-v3 arm-smmu-v3.0.auto: CMDQ error (cons 0x01000003): Illegal command\n"
             "[   12.500002] arm-smmu-v3 arm-smmu-v3.0.auto: skipping command in error state:\n"
             "[   12.500003] arm-smmu-v3 arm-smmu-v3.0.auto: \t0x001200000001f012\n"
             "[   12.500004] arm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000000010000701\n") ==
        "F_TRANSLATION, sid 0x11, read, privileged, data, stage 1, iova 0x9b0cc000 / CMDQ_ERR / "
        "CERROR_ILL: the command is illegal, at position 0x3 / "
        "CMD_TLBI_NH_VA, vmid 0x0, asid 0x12, address 0x10000000, 32 granules of 4 KiB, leaves at level 3, leaf only");
    CHECK(read("arm-smmu-v3 2b400000.iommu: event: F_TRANSLATION client: 0000:00:01.0 sid: 0x8 ssid: 0x0 iova: "
               "0xdeadb000 ipa: 0x0\n"
               "arm-smmu-v3 2b400000.iommu: unpriv data write s1 \"Input address caused fault\" stag: 0x0\n") ==
          "F_TRANSLATION, sid 0x8, write, unprivileged, data, stage 1, iova 0xdeadb000");
    CHECK(read("0x10 0x11 0x0 0x20a 0x9b0cc000 0x0 0x0 0x0\n") ==
          "F_TRANSLATION, sid 0x11, read, privileged, data, stage 1, iova 0x9b0cc000");
    // Dumps in words of 32 bits, the low one first; an address in front is none of them.
    CHECK(read("80040000: 00000010 00000011 00000000 0000020a\n80040010: 9b0cc000 00000000 00000000 00000000\n") ==
          "F_TRANSLATION, sid 0x11, read, privileged, data, stage 1, iova 0x9b0cc000");
}

// Linux 6.14, arm_smmu_dump_event(): the words first, then the same event in words.
TEST_CASE("decode: an event that a kernel prints twice is one record", "[study][decode]") {
    const std::string words =
        "[1.0] arm-smmu-v3 9050000.iommu: event 0x10 received:\n[1.0] arm-smmu-v3 9050000.iommu: \t0x0000001100000010\n"
        "[1.0] arm-smmu-v3 9050000.iommu: \t0x0000020a00000000\n"
        "[1.0] arm-smmu-v3 9050000.iommu: \t0x000000009b0cc000\n"
        "[1.0] arm-smmu-v3 9050000.iommu: \t0x0000000000000000\n";
    const std::string said =
        "[1.0] arm-smmu-v3 9050000.iommu: event: F_TRANSLATION client: (unassigned sid) sid: 0x11 ssid: 0x0 iova: "
        "0x9b0cc000 ipa: 0x0\n";
    const std::string access =
        "[1.0] arm-smmu-v3 9050000.iommu: priv data read s1 \"Input address caused fault\" stag: 0x0\n";
    std::vector<UnreadLine> unread;
    const auto records = find_records(words + said + access, "x", nullptr, &unread);
    REQUIRE(records.size() == 1);
    CHECK(unread.empty());
    CHECK(records[0].said == std::vector<std::string>{"the driver knows no device with this sid"});
    CHECK(records[0].words == find_records(said + access, "x", nullptr)[0].words);
    // Cut off behind the first line, it is not known what access it was.
    CHECK(find_records(said, "x", nullptr)[0].said.size() == 2);
    const auto fetch = find_records(
        "smmu: event: F_TRANSLATION client: a sid: 0x8 ssid: 0x0 iova: 0x1000 ipa: 0x0\n"
        "smmu: priv data read s1 \"CD fetch\" stag: 0x0\n",
        "x", nullptr);
    CHECK(decode_text(fetch).find("CLASS 0 (CD fetch)") != std::string::npos);
}

TEST_CASE("decode: what others say between the words of a record, and records that break off", "[study][decode]") {
    const std::string start =
        "arm-smmu-v3 9050000.iommu: event 0x10 received:\narm-smmu-v3 9050000.iommu: \t0x0000001100000010\n";
    const std::string end =
        "arm-smmu-v3 9050000.iommu: \t0x0000020a00000000\narm-smmu-v3 9050000.iommu: \t0x000000009b0cc000\n"
        "arm-smmu-v3 9050000.iommu: \t0x0000000000000000\n";
    const std::string fault = "F_TRANSLATION, sid 0x11, read, privileged, data, stage 1, iova 0x9b0cc000";
    CHECK(read(start +
               "usb 1-1: new high-speed USB device number 2\narm-smmu-v3 9060000.iommu: EVTQ overflow detected "
               "-- events lost\n" +
               end) == fault);
    std::vector<UnreadLine> unread;
    find_records(start + "arm-smmu-v3 9050000.iommu: event 0x10 received:\n" + start.substr(start.find('\n') + 1) + end,
                 "x", nullptr, &unread);
    REQUIRE(unread.size() == 1);
    CHECK(unread[0].text == "the SMMUv3 event record that was announced ends here after 1 of 4 words");
    unread.clear();
    CHECK(find_records(start + end + start, "x", nullptr, &unread).size() == 1);
    CHECK(unread.size() == 1);
}

TEST_CASE("decode: a fault that is not understood is named beside those that are", "[study][decode]") {
    const std::string known =
        "mtk-iommu 10205000.iommu: fault type=0x5 iova=0x1000 pa=0x0 larb=0 port=2 layer=1 write\n";
    const std::string blocked = "[1.0] arm-smmu 12000000.iommu: an error of a new kind";
    std::vector<UnreadLine> unread;
    const auto records =
        find_records(known + "usb 1-1: device error\n" + blocked + "\n" + known, "x", nullptr, &unread);
    CHECK(records.size() == 2);
    REQUIRE(unread.size() == 1);
    CHECK(unread[0].text == blocked);
    CHECK(*unread[0].where.line == 3);
    CHECK(decode_text(records, unread).find("Not understood\n  x:3: [1.0] arm-smmu") != std::string::npos);
    CHECK(decode_json(records, unread)["not_understood"][0]["line"] == 3);
    // Linux prints who is blocked, and then the registers; without those the first line is all that is known.
    const std::string who =
        "arm-smmu 5000000.iommu: Blocked unknown Stream ID 0x407; boot with \"arm-smmu.disable_bypass=0\"\n";
    const std::string registers =
        "arm-smmu 5000000.iommu: \tGFSR 0x80000002, GFSYNR0 0x00000000, GFSYNR1 0x00000407, GFSYNR2 0x00000000\n";
    CHECK(read(who + registers) == read(registers));
    const auto alone = find_records(who + "usb 1-1: reset\n", "x", nullptr);
    REQUIRE(alone.size() == 1);
    CHECK(alone[0].said == std::vector<std::string>{"sid 0x407; the line of the registers is missing"});
    CHECK(alone[0].kind->read(alone[0].words).headline == "unidentified stream");
    const auto ordered = find_records(who + known + registers, "x", nullptr);
    REQUIRE(ordered.size() == 3);  // another's line between them: they may be of two faults
    CHECK((*ordered[0].where.line == 1 && *ordered[1].where.line == 2 && *ordered[2].where.line == 3));
    // What only accompanies a record is none.
    unread.clear();
    find_records("DMAR: DRHD: handling fault status reg 3\n" + known, "x", nullptr, &unread);
    CHECK(unread.empty());
    // Wrapped by a terminal or a mailer; cut off.
    CHECK(read("arm-smmu 5000000.iommu: Unhandled context fault: fsr=0x402, iova=0xff3cf000,\nfsynr=0x300013, "
               "cbfrsynra=0x409, cb=10\n")
              .find("write, unprivileged, data, level 3, sid 0x409, iova 0xff3cf000") != std::string::npos);
    unread.clear();
    CHECK(find_records(known + "arm-smmu 5000000.iommu: Unhandled context fault: fsr=0x402, iova=0xff3cf000", "x",
                       nullptr, &unread)
              .size() == 1);
    CHECK(unread.size() == 1);
    CHECK(find_records("AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0000 address=0xc0 flags=0x0050]", "x", nullptr)[0]
              .said.size() == 1);
}

// Two lines of a kernel's are one thing only where its driver prints it so.
TEST_CASE("decode: two lines that are not understood are not read as one", "[study][decode]") {
    const auto unread_of = [](const std::string& text) {
        std::vector<UnreadLine> unread;
        try {
            CHECK(find_records(text, "x", nullptr, &unread).empty());
        } catch (const InputError&) {
            return std::size_t{0};
        }
        return unread.size();
    };
    // Each first line alone has what the second lacks: the two together would hold a record's words.
    const std::pair<const char*, const char*> pairs[] = {
        {"tegra-mc 70019000.memory-controller: dcb: read @0x92b8fc00: EMEM address decode error\n",
         "tegra-mc 2c00000.memory-controller: an error: of a new kind (SMMU translation error [-W-])\n"},
        {"arm-smmu 5000000.iommu: Unhandled context fault: fsr=0x402, iova=0xff3cf000\n",
         "arm-smmu 6000000.iommu: Unhandled fault: fsynr=0x300013, cbfrsynra=0x409, cb=10\n"},
        {"ipmmu-vmsa e6740000.iommu: Unhandled fault: status 0x00000001\n", "usb 1-1: reset, iova 0x456789ab\n"},
        {"rk_iommu ff903f00.iommu: Page fault\n", "nvme nvme0: error at 0x00000000fe1c0040 of type write\n"},
        {"DMAR: [DMA Read] Request device [00:1f.0] fault addr deadb000\n",
         "[ 1.5] INTR-REMAP:[fault reason 34] Present field in the IRTE entry is clear\n"},
        {"arm-smmu-v3 9050000.iommu: unexpected PRI request received:\n",
         "[ 1.5] arm-smmu 9060000.iommu: error: sid 0x00000100.0x00000: [2] iova 0x12345000\n"},
    };
    for (const auto& [first, second] : pairs) {
        INFO(first << second);
        const std::size_t unread = unread_of("AMD-Vi: IOMMU Event log overflow\n" + std::string(first) + second);
        CHECK(unread >= 2);
        // As before with time stamps.
        CHECK(unread_of("AMD-Vi: IOMMU Event log overflow\n[ 1.0] " + std::string(first) + "[ 1.0] " + second) ==
              unread);
    }
}

TEST_CASE("decode: a line that a terminal or a mailer has wrapped is one", "[study][decode]") {
    const std::pair<const char*, const char*> wrapped[] = {
        {"[   62.313833] tegra-mc 2c00000.memory-controller: axisw: secure write\n@0x00000003ffffff00: VPR violation "
         "((null))\n",
         "memory of protected video (VPR), of a write"},
        {"tegra-mc 70019000.memory-controller: display0a: read @0x0000000080000000:\n  EMEM address decode error (SMMU "
         "translation error [-W-])\n",
         "the SMMU has no page, or not the right, of a read"},
        {"> arm-smmu 5000000.iommu: Unhandled context fault: fsr=0x402, iova=0xff3cf000,\n> fsynr=0x300013, "
         "cbfrsynra=0x409, cb=10\n",
         "translation fault (AArch64 tables), write, unprivileged, data, level 3, sid 0x409, iova 0xff3cf000"},
        {"arm-smmu-v3 9050000.iommu: event: C_BAD_STREAMID client: (unassigned sid)\nsid: 0x110 ssid: 0x0\n",
         "C_BAD_STREAMID, sid 0x110"},
        {"rk_iommu ff940300.iommu: Page fault at 0x12345678\nof type write\n", "page fault"},
    };
    for (const auto& [text, meaning] : wrapped) {
        INFO(text);
        std::vector<UnreadLine> unread;
        const auto records = find_records(text, "x", nullptr, &unread);
        REQUIRE(records.size() == 1);
        CHECK(unread.empty());
        CHECK(*records[0].where.line == 1);
        CHECK(records[0].kind->read(records[0].words).headline == meaning);
    }
}

TEST_CASE("decode: the event records of the corpus read as its README says", "[study][decode]") {
    if (tests::skip_without("field")) return;
    for (const auto& folder : std::filesystem::directory_iterator(*tests::corpus() / "field")) {
        const std::filesystem::path file = folder.path() / "event.txt";
        if (!std::filesystem::exists(file)) continue;
        std::ifstream stream(file);
        const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
        const std::string said = read(text);
        INFO(file);
        // "F_TRANSLATION, sid 0x11, read, privileged, stage 1, iova 0x9b0cc000"
        for (const char* part : {"F_TRANSLATION", "sid 0x11", ", read", ", privileged", "stage 1", "iova 0x9b0cc000"})
            CHECK(said.find(part) != std::string::npos);
    }
}

TEST_CASE("decode: AMD-Vi's events, as a kernel prints them and as words", "[study][decode]") {
    CHECK(read("AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:1f.0 domain=0x0009 address=0xdeadb000 "
               "flags=0x0020]\n") == "IO_PAGE_FAULT, device 00:1f.0 (0xf8), write to 0xdeadb000, domain 0x9");
    CHECK(read("[ 1.5] nvme 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000e address=0xfffff000 "
               "flags=0x0050]\n") == "IO_PAGE_FAULT, device 01:00.0 (0x100), read of 0xfffff000, domain 0xe");
    // Kernels up to 4.20 broke the line.
    CHECK(read("[   13.134460] AMD-Vi: Event logged [\n"
               "[   13.137925] INVALID_DEVICE_REQUEST device=00:00.1 address=0x000000fdf8000020 flags=0x0a00]\n")
              .find("INVALID_DEVICE_REQUEST, device 00:00.1 (0x1)") == 0);
    // Xen's; a flag of 0x8 is an interrupt that was asked for.
    CHECK(read("(XEN) AMD-Vi: IO_PAGE_FAULT: 0000:00:14.0 d3 addr 000000fdf8010140 flags 0x8 I\n") ==
          read("[1.5] AMD-Vi: Event logged [IO_PAGE_FAULT device=00:14.0 domain=0x0003 address=0xfdf8010140 "
               "flags=0x0008]\n"));
    CHECK(read("AMD-Vi: Event logged [ILLEGAL_COMMAND_ERROR address=0x80200010]\n") ==
          "ILLEGAL_COMMAND_ERROR, command at 0x80200010");
    // The example of docs/spec/iommu-hardware.md section 17, as words of 32 bits.
    CHECK(read("000000F8 20300009 DEADB000 00000000\n", "amd-vi.event") ==
          "IO_PAGE_FAULT, device 00:1f.0 (0xf8), write to 0xdeadb000, domain 0x9");
    CHECK(read("0x3000000900000000 0x10007001\n", "amd-vi.command") ==
          "INVALIDATE_IOMMU_PAGES domain 9 0x10000000..0x1000ffff");
    CHECK(read("0x65C0000000000003 0x01234000ACF10009 0x0 0x0\n", "amd-vi.dte") ==
          "GCR3 table at 0x123456789000, 2 levels, domain 0x9, read and write");
    CHECK(read("0x3 0x0 0x0 0x0\n", "amd-vi.dte") == "blocked, domain 0x0, nothing");
    CHECK(read("0x7000000456787E01\n", "amd-vi.pte") == "a page of 2^16 bytes at 0x456780000, rw");
}

// Words: docs/spec/iommu-hardware.md sections 16 and 17. Lines: Linux 6.1 and 5.10.
TEST_CASE("decode: VT-d's records, as a kernel prints them and as words", "[study][decode]") {
    const std::string by_words = read("0x00000000DEADB000 0xC0000006000000F8\n", "vt-d.fault");
    CHECK(by_words.find("(0x06), device 00:1f.0 (0xf8), read of 0xdeadb000") != std::string::npos);
    CHECK(read("[    1.5] DMAR: [DMA Read NO_PASID] Request device [00:1f.0] fault addr 0xdeadb000 [fault reason 0x06] "
               "PTE Read access is not set\n") == by_words);
    CHECK(
        read("DMAR: [DMA Read] Request device [00:1f.0] PASID ffffffff fault addr deadb000 [fault reason 06] PTE Read "
             "access is not set\n") == by_words);
    // Kernels 5.10 to 5.12 wrote the bus and the device with 0x.
    CHECK(
        read(
            "DMAR: [DMA Read NO_PASID] Request device [0x00:0x1f.0] fault addr 0xdeadb000 [fault reason 0x06] PTE Read "
            "access is not set\n") == by_words);
    // Before 5.13 the reason was in decimal: 38 is 0x26, source-id verification; before 4.6 a fault took two lines.
    CHECK(
        read(
            "DMAR: [INTR-REMAP] Request device [00:1f.0] fault index 1b [fault reason 38] Blocked an interrupt request "
            "due to source-id verification failure\n") ==
        read("0x001B000000000000 0x80000026000000F8\n", "vt-d.fault"));
    CHECK(read("[ 53.4] dmar: DRHD: handling fault status reg 3\n"
               "[ 53.4] dmar: DMAR:[DMA Read] Request device [00:1f.0] fault addr deadb000 \n"
               "[ 53.4] DMAR:[fault reason 06] PTE Read access is not set\n") == by_words);
    CHECK(read("INTR-REMAP: Request device [[00:1f.0] fault index 123\n"
               "INTR-REMAP:[fault reason 34] Present field in the IRTE entry is clear\n") ==
          read("0x0123000000000000 0x80000022000000F8\n", "vt-d.fault"));
    CHECK(read("(XEN) [VT-D]DMAR:[DMA Read] Request device [0000:00:1f.0] fault addr deadb000, iommu reg = "
               "ffff82c000a0c000\n"
               "(XEN) [VT-D]DMAR: reason 06 - PTE Read access is not set\n") == by_words);
    const std::string pasid = read("0x00000000DEADB000 0x81234571800000F8\n", "vt-d.fault");
    CHECK(pasid.find("(0x71), device 00:1f.0 (0xf8), write to 0xdeadb000, PASID 0x12345") != std::string::npos);
    CHECK(
        read("DMAR: [DMA Write PASID 0x12345] Request device [00:1f.0] fault addr 0xdeadb000 [fault reason 0x71]\n") ==
        pasid);
    const std::string interrupt = read("0x0123000000000000 0x80000022000000F8\n", "vt-d.fault");
    CHECK(interrupt.find("(0x22), device 00:1f.0 (0xf8), interrupt index 0x123") != std::string::npos);
    CHECK(read("DMAR: [INTR-REMAP] Request device [00:1f.0] fault index 0x123 [fault reason 0x22] Present field in the "
               "IRTE entry is clear\n") == interrupt);
    CHECK(read("DMAR: root entry: 0x0000000012345001\n") == "context table at 0x12345000");
    CHECK(read("DMAR: context entry: hi 0x0000000000000502, low 0x0000000090000001\n") ==
          "second level of 4 levels at 0x90000000, DID 5");
    CHECK(read("0x00000000000500F2 0x0000000010000002\n", "vt-d.descriptor") ==
          "iotlb (page), DID 5, 4 pages at 0x10000000");
    CHECK(read("0x11 0x0\n", "vt-d.descriptor") == "context cache (global)");
    CHECK(read("0x0000000200000025 0x00000000A0000010\n", "vt-d.descriptor") == "wait, writes 0x2 to 0xa0000010");
    CHECK(read("0x0000012310000014 0x0\n", "vt-d.descriptor") == "interrupt entry cache, 4 entries from 0x123");
    CHECK(read("0x8A000009 0x0 0x0 0x0\n", "vt-d.scalable-context") ==
          "PASID directory of 128 entries at 0x8a000000, requests without one have PASID 0x0");
    CHECK(read("0x90000089 0x9 0x0 0x0 0x0 0x0 0x0 0x0\n", "vt-d.pasid") ==
          "second level of 4 levels at 0x90000000, DID 9");
    CHECK(read("0x41 0x800009 0x91000031 0x0 0x0 0x0 0x0 0x0\n", "vt-d.pasid") ==
          "first level of 4 levels at 0x91000000, DID 9");
    CHECK(read("0x0000000456789803\n", "vt-d.pte") == "a table, or a page of 4 KiB at 0x456789000, rw, snooped");
    CHECK(read("0x0000000400000083\n", "vt-d.pte") == "a page of its level's size at 0x400000000, rw");
    CHECK(read("0x0000050000310009 0x00000000000400F8\n", "vt-d.irte").find("vector 0x31 to CPU 0x5 (xAPIC)") == 0);
}

TEST_CASE("decode: what is no record is named with its place", "[study][decode]") {
    CHECK(refusal("0x1 0x2 0x3").find("x:1:1: 3 words are no record") == 0);
    CHECK(refusal("0x1 0x2 0x3", "event").find("x:1:9: 3 words are no whole SMMUv3 event record; expected 4 words") ==
          0);
    CHECK(refusal("smmu: event 0x10 received:\nsmmu: \t0x10\nsomething else\n")
              .find("x:3: the SMMUv3 event record that was announced ends after 1 of 4 words") == 0);
    CHECK(refusal("smmu: event 0x10 received:\n").find("ends after 0 of 4 words") != std::string::npos);
    CHECK(refusal("hello\narm-smmu 2b500000.iommu: an error of a new kind\n")
              .find("x:2: this line tells of a fault, and no record is understood") == 0);
    CHECK(refusal("hello\n").find("x: no record is found; expected hexadecimal words") == 0);
    CHECK(refusal("").find("no record is found") != std::string::npos);
    CHECK(refusal("\xff\xfe\x80 0x1\x1b[31m").find("no record") != std::string::npos);
}

TEST_CASE("decode: any word in any kind is read, and every kind has a name of its own", "[study][decode]") {
    for (const RecordFamily& family : record_families()) {
        for (const RecordKind& kind : family.kinds) {
            INFO(family.name << "." << kind.name);
            CHECK(find_record_kind(std::string(family.name) + "." + std::string(kind.name)) == &kind);
            std::uint64_t state = 1;
            for (int round = 0; round < 2000; ++round) {
                Words words;
                for (unsigned i = 0; i < kind.words; ++i) {
                    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
                    words.push_back(round == 0 ? 0 : round == 1 ? ~std::uint64_t{0} : state ^ (state >> 29));
                }
                REQUIRE_FALSE(kind.read(words).headline.empty());
                field_texts(kind, words);
            }
        }
    }
}
