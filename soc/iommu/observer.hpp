// Where a watcher looks on: what an SMMU's translations and the kernel's stores do, as they do it. Nothing in the
// model depends on a watcher; without one a hook is a test of a pointer.
#pragma once

#include <cstdint>

#include "base/ids.hpp"
#include "iommu/invalidation.hpp"

namespace xlate::kernel {
struct Annotation;
}

namespace xlate::soc {

class Transaction;
struct TranslationJob;

/// Of one SMMU.
class TranslationObserver {
public:
    virtual ~TranslationObserver() = default;
    /// A transaction has come to a TBU of an SMMU that is on.
    virtual void on_arrival(const Transaction& transaction) = 0;
    /// The access that `job` asked for in its last step has been answered.
    virtual void on_access(const TranslationJob& job) = 0;
    /// `job`, a translation request of an endpoint, is answered with a translation.
    virtual void on_answer(const TranslationJob& job) = 0;
    /// `queue`: which command queue it came by, as the SMMU counts them.
    virtual void on_invalidation(const iommu::Invalidation& invalidation, std::uint32_t epoch, std::uint32_t queue) = 0;
    virtual void on_sync(std::uint32_t queue) = 0;
};

/// Of the CPUs. Called on the storing task's side, or on the host's.
class SoftwareObserver {
public:
    virtual ~SoftwareObserver() = default;
    virtual void before_store(PhysAddr address, std::uint64_t bytes) = 0;
    virtual void after_store(PhysAddr address, std::uint64_t bytes) = 0;
    virtual void on_register_write(PhysAddr address, unsigned size, std::uint64_t value) = 0;
    virtual void on_annotation(const kernel::Annotation& annotation) = 0;
};

}  // namespace xlate::soc
