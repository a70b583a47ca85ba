#include "iommu/intel/vtd_page.hpp"

#include <fmt/format.h>

#include "iommu/intel/vtd.hpp"

namespace xlate::iommu::vtd {
namespace {

struct Row {
    const char* name;
    const char* support;
    const char* note;
};

/// In the order of register_rows().
constexpr Row kRegisters[] = {
    {"VER_REG", "functional", "by `soc.iommu.vt-d.like`"},
    {"CAP_REG", "functional", "by `like`, `caching_mode`, `width`, `fault_records`, `mappable_order`"},
    {"ECAP_REG", "functional", "by `like`, `device_tlb`"},
    {"GCMD_REG", "functional", "TE, SRTP, QIE, IRE, SIRTP, CFI; answered in GSTS a moment later"},
    {"GSTS_REG", "functional", "AFLS, FLS and WBFS read 0: there is no fault log, no write buffer"},
    {"RTADDR_REG", "functional", "latched by SRTP; TTM 0 and 1, others are reason 0x30"},
    {"CCMD_REG", "functional", "busy (ICC) until older requests are through; while the queue is on nothing is done"},
    {"FSTS_REG", "functional", "PFO, PPF, FRI, IQE, ITE; ICE is never set"},
    {"FECTL_REG", "functional", "IM, IP"},
    {"FEDATA_REG", "functional", ""},
    {"FEADDR_REG", "functional", "to 0xFEExxxxx: a pulse of the wire `fault`; elsewhere a write of 4 bytes"},
    {"FEUADDR_REG", "functional", ""},
    {"AFLOG_REG", "absent", "reads 0: no advanced fault log"},
    {"PMEN_REG", "functional", "if the capabilities have PLMR or PHMR; remapped requests are not checked"},
    {"PLMBASE_REG", "functional", ""},
    {"PLMLIMIT_REG", "functional", "pieces of 1 MiB"},
    {"PHMBASE_REG", "functional", ""},
    {"PHMLIMIT_REG", "functional", ""},
    {"IQH_REG", "functional", "0 while the queue is off"},
    {"IQT_REG", "functional", "outside of the queue, or inside of a descriptor: IQE"},
    {"IQA_REG", "functional", "QS, DW"},
    {"ICS_REG", "functional", ""},
    {"IECTL_REG", "functional", "IM, IP"},
    {"IEDATA_REG", "functional", ""},
    {"IEADDR_REG", "functional", "as FEADDR, wire `completion`"},
    {"IEUADDR_REG", "functional", ""},
    {"IQERCD_REG", "stored", "always 0"},
    {"IRTA_REG", "functional", "latched by SIRTP; S, EIME"},
    {"PQH_REG", "functional", "with ECAP.PRS"},
    {"PQT_REG", "functional", "with ECAP.PRS"},
    {"PQA_REG", "functional", "with ECAP.PRS"},
    {"PRS_REG", "functional", "PPR, PRO"},
    {"PECTL_REG", "functional", "with ECAP.PRS"},
    {"PEDATA_REG", "functional", ""},
    {"PEADDR_REG", "functional", "as FEADDR, wire `page`"},
    {"PEUADDR_REG", "functional", ""},
    {"MTRRCAP_REG", "absent", "reads 0, as all memory type range registers do"},
};
constexpr Row kMoved[] = {
    {"IVA_REG, IOTLB_REG (at ECAP.IRO)", "functional",
     "as CCMD; a mask beyond MAMV drops the domain, and IAIG says so"},
    {"FRCD_REG (at CAP.FRO)", "functional", "CAP.NFR + 1 of them, used in turn; F is cleared by writing 1"},
};
constexpr Row kTables[] = {
    {"Root and context tables, legacy mode", "functional", "TT 0, 1, 2; AW 1 to 3; every reserved bit"},
    {"Root and context tables, scalable mode", "functional",
     "DTE, PASIDE, PRE, PDTS, RID_PASID with RPS, RID_PRIV with SRS"},
    {"PASID directory and tables", "functional",
     "PGTT 1 to 4; SLADE, SRE, ERE, WPE, NXE, EAFE, FLPM 0 and 1; bits 22:16 of the second word and what has no field "
     "are reserved"},
    {"Second level, 3 to 5 levels, 4 KiB, 2 MiB, 1 GiB", "functional",
     "rights are ANDed; A and D with SLADE; SNP and TM only in leaves; no execute rights, no memory types"},
    {"First level, 4 and 5 levels, 4 KiB, 2 MiB, 1 GiB", "functional",
     "A in every entry, D in the leaf of a write, by compare-and-swap; G is not used: such pages are kept as others"},
    {"Nested", "functional",
     "each first-level table goes through the second level; guest pages are kept in a cache of their own"},
    {"Interrupt remapping table", "functional", "SVT 0, 1, 2, SQ, FPD, EIME; IM (posted interrupts) is reserved"},
    {"Extended root tables, advanced fault log", "absent", ""},
};
constexpr Row kDescriptors[] = {
    {"1 context cache", "functional", "global, domain, device with FM"},
    {"2 IOTLB", "functional",
     "global, domain, page with AM and IH; by page, nested translations of the domain go, too"},
    {"3 device TLB", "functional", "the wait behind it waits for the endpoint, or ends in ITE"},
    {"4 interrupt entry cache", "functional", "global, by index with IM"},
    {"5 wait", "functional", "SW, IF, FN; PD with PRS (it waits for what every wait waits for)"},
    {"6 PASID IOTLB", "functional", "PASID, page with AM and IH; scalable mode"},
    {"7 PASID cache", "functional", "domain, PASID, global; scalable mode"},
    {"8 PASID device TLB", "functional", "only of 32 bytes"},
    {"9 page group response", "functional", "only of 32 bytes, with PRS"},
};

template <std::size_t N>
void table(std::string& page, const char* heading, const char* first, const Row (&rows)[N]) {
    page += fmt::format("\n## {}\n\n| {} | Support | Note |\n|---|---|---|\n", heading, first);
    for (const Row& row : rows) page += fmt::format("| {} | {} | {} |\n", row.name, row.support, row.note);
}

void registers(std::string& page) {
    page += "\n## Registers\n\n| Offset | Register | Bytes | Access | Support | Note |\n|---|---|---|---|---|---|\n";
    const Span<RegRow> rows = register_rows();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const RegSpec& spec = rows[i].spec;
        const char* access = spec.access == Access::ro    ? "ro"
                             : spec.access == Access::wo  ? "wo"
                             : spec.access == Access::w1c ? "w1c"
                                                          : "rw";
        page += fmt::format("| {:#05x} | {} | {} | {} | {} | {} |\n", spec.offset, spec.name, spec.size, access,
                            kRegisters[i].support, kRegisters[i].note);
    }
    for (const Row& row : kMoved) page += fmt::format("| | {} | 8 | rw | {} | {} |\n", row.name, row.support, row.note);
}

void reasons(std::string& page) {
    page +=
        "\n## Fault reasons\n\nFPD of the entries that were read silences those marked so.\n\n"
        "| Reason | What | FPD |\n|---|---|---|\n";
    for (std::uint16_t code = 1; code < 256; ++code) {
        const std::string text = fault_name(code);
        if (text.rfind("reason ", 0) == 0) continue;
        const auto reason = static_cast<Reason>(code);
        const bool never = reason == Reason::sm_context_invalid;
        page += fmt::format("| {:#04x} | {}{} | {} |\n", code, text, never ? " (never)" : "",
                            is_qualified(reason) ? "yes" : "no");
    }
}

}  // namespace

std::string vtd_page() {
    std::string page =
        "# Intel VT-d\n\n"
        "What the model does with each register, table, descriptor and reason: *functional* it acts, *stored* it keeps "
        "what is\nwritten, *absent* not there. Made by `iommu/intel/vtd_page.cpp`; a test holds it. Source: VT-d "
        "specification 4.1;\n`docs/spec/iommu-hardware.md` section 3. A machine to try it on: "
        "`configs/x86-vtd.yaml`.\n";
    static_assert(std::size(kRegisters) == kRegisterRows);
    registers(page);
    table(page, "Tables", "Table", kTables);
    table(page, "Descriptors", "Type", kDescriptors);
    reasons(page);
    page += "\n## Capabilities by name\n\n| `like` | VER | CAP | ECAP |\n|---|---|---|---|\n";
    for (const char* name : {"server", "qemu", "scalable"}) {
        const Capabilities one = capabilities_by_name(name);
        page += fmt::format("| {} | {:#x} | {:#x} | {:#x} |\n", name, one.version, one.cap, one.ecap);
    }
    page += "\n## Statistics\n\n| Counter | What |\n|---|---|\n";
    for (const CounterSpec& counter : sheet().counters) {
        page += fmt::format("| {} | {} |\n", counter.name, counter.sentence);
    }
    page += "\n## Caches\n\n| Structure | Config |\n|---|---|\n";
    for (const StructureSpec& structure : sheet().structures) {
        const char* key = structure.name == "pasid_cache"             ? "vt-d.pasid_cache"
                          : structure.kind == Structure::config_cache ? "core.config_cache"
                          : structure.kind == Structure::tlb          ? "core.tlb"
                          : structure.kind == Structure::ipa_cache    ? "core.ipa_cache"
                                                                      : "core.walk_cache";
        page += fmt::format("| {} | {} |\n", structure.name, key);
    }
    return page;
}

}  // namespace xlate::iommu::vtd
