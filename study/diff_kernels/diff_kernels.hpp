// `xlate diff-kernels A B BOARD`: the same firmware booted by two variants of the kernel model; what comes out
// differently, and which change of Linux (capability of variant.hpp) makes the difference.
//
// A difference is explained by trial: from A, the capabilities by which B differs are taken over one after the other,
// drivers' first and then in the order of variant.hpp, and the board is booted each time. What a field's value changes
// at is its cause. Kernels in between need not have existed; one that crashes where A and B do not is left out, and its
// change counts with the next one.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "kernel-model/iommu-core/variant.hpp"
#include "study/diff_kernels/untimed_boot.hpp"

namespace xlate::study {

/// What may differ of a device. `number`, `order` and `domain`: of devices that both kernels put into groups; the order
/// is that of joining, among these devices.
enum class DiffField : std::uint8_t { outcome, group, ids, domain, errors, acs, number, order, kCount };
std::string_view name(DiffField field);

struct KernelDifference {
    std::string device;
    DiffField field = DiffField::outcome;
    std::string from, to;              ///< as text; "none"
    std::vector<std::string> because;  ///< capabilities ("parse_in_probe"), "release", "repair of D-5a"
};

/// A step between two kernels, with the sentence of variant.hpp.
struct KernelChange {
    std::string name;
    std::string sentence;
    bool removed = false;  ///< A has it, B has not
};

struct KernelDiff {
    std::string board;
    std::string first, second;  ///< variants
    BootFacts was, is;
    std::vector<KernelDifference> differences;  ///< by device (as the kernel made them), then field
    std::vector<KernelChange> changes;          ///< all that the variants differ by, explaining something or not
    std::vector<std::string> notes;
};

/// A variant by its name, or by the release of a kernel ("6.14", "linux-6.12.107", "7.0.13+deb13"): the nearest older
/// one is taken, and `notes` says so. Errors: InputError (usage) for a name that is none and for a release later than
/// the newest variant, with the nearest name.
kernel::Variant variant_for_diff(const std::string& name, std::vector<std::string>& notes);

KernelDiff diff_kernels(const BootBoard& board, const kernel::Variant& first, const kernel::Variant& second);
std::string diff_kernels_text(const KernelDiff& diff);
/// Schema "xlate.diff-kernels/1".
nlohmann::ordered_json diff_kernels_json(const KernelDiff& diff);

/// Every variant, in the order of releases; those with the same outcome as the one before them stand on its line.
struct KernelMatrixRow {
    std::vector<std::string> variants;
    BootFacts facts;
    std::vector<KernelDifference> differences;  ///< against the row before
};
struct KernelMatrix {
    std::string board;
    std::vector<KernelMatrixRow> rows;
    std::vector<std::string> notes;
};
KernelMatrix matrix_of_kernels(const BootBoard& board);
std::string kernel_matrix_text(const KernelMatrix& matrix);
/// Schema "xlate.diff-kernels-matrix/1".
nlohmann::ordered_json kernel_matrix_json(const KernelMatrix& matrix);

}  // namespace xlate::study
