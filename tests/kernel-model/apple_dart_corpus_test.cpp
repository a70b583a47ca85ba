// The DART driver against real boots: every dt-dart-* folder of the corpus, over registers in RAM.
#include <catch2/catch.hpp>

#include <set>

#include "iommu/dart/layout.hpp"
#include "kernel-model/drivers/apple_dart/apple_dart_hw.hpp"
#include "kernel-model/pgtable/dart_format.hpp"
#include "tests/kernel-model/family_checks.hpp"

using namespace xlate;
using namespace xlate::kernel;
using namespace xlate::kernel::tests;
namespace dart = xlate::iommu::dart;
namespace table = xlate::iommu::dart_table;

namespace {

const AppleDartKind* kind_at(const firmware::Description& description, std::uint64_t address) {
    for (const firmware::Node& node : description.nodes) {
        const AppleDartKind* kind = apple_dart_kind(node);
        if (kind == nullptr || node.regs.empty()) continue;
        if (address >= node.regs.front().address && address < node.regs.front().address + dart::kRegisterBytes) {
            return kind;
        }
    }
    return nullptr;
}

/// A TTBR names a table wherever it lies; everything else is compared to the bit.
std::string register_text(const firmware::Description& description, std::uint64_t address, std::uint64_t value) {
    const AppleDartKind* kind = kind_at(description, address);
    if (kind != nullptr) {
        const std::uint64_t offset = address % dart::kRegisterBytes;
        const std::uint64_t first = kind->t8110 ? dart::t8110::TTBR0 : dart::t8020::TTBR0;
        const std::uint64_t bytes = kind->t8110 ? 4 * dart::kMaxStreams : 16 * dart::t8020::kStreams;
        const Field& valid = kind->t8110 ? dart::t8110::ttbr::VALID : dart::t8020::ttbr::VALID;
        if (offset >= first && offset < first + bytes && valid.test(value))
            return fmt::format("{:#x} = table", address);
    }
    return fmt::format("{:#x} = {:#x}", address, value);
}

template <typename Check>
void for_each_case(Check check) {
    if (xlate::tests::skip_without_corpus()) return;
    for (const auto& folder : family_cases({"dt-dart"})) {
        INFO(folder.filename().string());
        FamilyBoot run(folder);
        check(run);
    }
}

}  // namespace

TEST_CASE("apple-dart: a boot's events, groups and IOMMUs are the real kernel's", "[kernel-model][dart][corpus]") {
    for_each_case([](FamilyBoot& run) {
        check_events(run, "apple-dart");
        // A parse that fails leaves the private data behind; a domain that cannot be made is warned of.
        check_groups(run, "apple-dart",
                     {"kmemleak: unreferenced object apple_dart_master_cfg", "WARNING: the first attach of a group's"});
    });
}

TEST_CASE("apple-dart: the same addresses are mapped and unmapped, in the same order", "[kernel-model][dart][corpus]") {
    for_each_case([](FamilyBoot& run) { check_mappings(run); });
}

TEST_CASE("apple-dart: registers are written in the same order, and end with the same words",
          "[kernel-model][dart][corpus]") {
    for_each_case([](FamilyBoot& run) {
        // Clients other than virtio-rng are not run here: their maps and the invalidations after them are not compared.
        const bool maps = !rng_slots(run.folder).empty();
        check_registers(run, [&](std::uint64_t address, std::uint64_t value) {
            const std::uint64_t offset = address % dart::kRegisterBytes;
            const bool invalidates = offset == dart::t8020::STREAM_SELECT || offset == dart::t8020::STREAM_COMMAND;
            if (!maps && invalidates) return std::string{};
            return register_text(run.description, address, value);
        });
    });
}

TEST_CASE("apple-dart: the same mappings make the same words", "[kernel-model][dart][corpus]") {
    for_each_case([](FamilyBoot& run) {
        if (rng_slots(run.folder).empty() || !std::filesystem::exists(run.folder / "tables.json")) return;
        if (!run.truth.contains("dma_trace") || run.truth["dma_trace"].empty()) return;
        const Json tables = read_json(run.folder / "tables.json");
        for (const auto& [base, streams] : tables.items()) {
            const AppleDartKind* kind = kind_at(run.description, std::stoull(base, nullptr, 0));
            if (kind == nullptr) continue;
            const auto log2 = static_cast<unsigned>(
                dart::params1::PAGE_SHIFT.get(run.machine.word(std::stoull(base, nullptr, 0) + dart::PARAMS1)));
            // DART2 has no place for bits 13:12: with pages of 4 KiB its tables lead elsewhere.
            if (kind->words != table::Words::dart1 && log2 == 12) continue;
            const DartFormat format(kind->words, log2, kind->oas != 0 ? kind->oas : 42);
            const std::uint64_t page = std::uint64_t{1} << log2;
            const unsigned l1_shift = log2 + table::index_bits(log2), ttbr_shift = l1_shift + table::index_bits(log2);
            std::map<std::uint64_t, std::set<std::uint64_t>> words;
            for (const Json& one : run.truth["dma_trace"]) {
                if (one["event"] != "map") continue;
                const std::uint64_t size = one["size"];
                for (std::uint64_t at = 0; at < size; at += page) {
                    for (const bool reads : {false, true}) {
                        PageProt prot;
                        prot.read = reads;
                        words[hex_of(one["iova"]) + at].insert(
                            format.leaf(PhysAddr{hex_of(one["paddr"]) + at}, prot, 1, page));
                    }
                }
            }
            for (const auto& [stream, state] : streams.items()) {
                for (unsigned i = 0; i < dart::t8020::kTtbrs; ++i) {
                    const std::string key = fmt::format("table{}", i);
                    if (!state.contains(key) || state[key].is_null()) continue;
                    for (const auto& [l1, found] : state[key]["l1"].items()) {
                        CHECK(format.table(PhysAddr{hex_of(found["table"])}, 0) == hex_of(found["desc"]));
                        for (const auto& [l2, word] : found["entries"].items()) {
                            const std::uint64_t iova =
                                std::uint64_t{i} << ttbr_shift | std::stoull(l1) << l1_shift | std::stoull(l2) << log2;
                            INFO(base << " stream " << stream << " " << std::hex << iova);
                            CHECK(words[iova].count(hex_of(word)) == 1);
                        }
                    }
                }
            }
        }
    });
}
