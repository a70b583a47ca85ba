// What the words of its tables say, for the shadow of a sanitizer (iommu/shadow/table_words.hpp).
#include "iommu/dart/dart.hpp"
#include "iommu/dart/purpose.hpp"

namespace xlate::iommu::dart {

namespace pte = dart_table::pte;

bool Dart::decode(AccessPurpose purpose, std::uint64_t word, TableWord& out) const {
    constexpr unsigned kLevels = 3;
    const auto above = static_cast<unsigned>(purpose);
    if (above >= kLevels) return false;
    out = {};
    out.granule = params_.page_log2;
    out.log2_bytes = static_cast<std::uint8_t>(dart_table::shift(params_.page_log2, above));
    out.leaf = above == 0;
    if (!pte::VALID.test(word)) return true;
    out.present = true;
    out.target = dart_table::address(word, params_.words);
    out.target_bytes = std::uint64_t{1} << params_.page_log2;
    if (!out.leaf) out.next = word_purpose(above - 1);
    return true;
}

std::uint64_t Dart::table_bytes(std::uint64_t /*space*/) const { return std::uint64_t{1} << params_.page_log2; }

}  // namespace xlate::iommu::dart
