// What the sanitizer keeps beside one IOMMU: a shadow of its family's kind behind one interface.
#pragma once

#include <memory>

#include "iommu/memory_port.hpp"
#include "soc/iommu/observer.hpp"
#include "soc/iommu/sanitizer.hpp"

namespace xlate::soc {

class SanitizerUnit : public TranslationObserver {
public:
    SanitizerUnit(const Sanitizer& the_owner, PhysicalMemory& memory, const IommuSite& the_site,
                  std::vector<IommuSite::Bank> the_banks)
        : owner(the_owner), site(the_site), banks(std::move(the_banks)), bytes(memory) {}

    // What software does and claims; `by`: its step.
    virtual void memory_changes(PhysAddr at, std::uint64_t size) = 0;
    virtual void memory_written(PhysAddr at, std::uint64_t size, iommu::ShadowOrigin by) = 0;
    virtual void register_written(std::uint64_t /*offset*/, unsigned /*size*/, std::uint64_t /*value*/,
                                  iommu::ShadowOrigin /*by*/) {}
    virtual void claimed(const kernel::Annotation& annotation, iommu::ShadowOrigin by) = 0;
    virtual void freed(PhysAddr at, std::uint64_t size, iommu::ShadowOrigin by) = 0;
    /// Its part of the report, once, at the end.
    virtual void finish(bool ended_well, SanitizerReport& report) = 0;

protected:
    /// Simulated memory as a shadow looks at it.
    class Bytes final : public iommu::MemoryPort {
    public:
        explicit Bytes(PhysicalMemory& bytes) : bytes_(bytes) {}
        bool read(PhysAddr address, std::uint8_t* out, std::uint32_t size) override {
            if (!bytes_.contains(address, size)) return false;
            bytes_.read(address, out, size);
            return true;
        }
        bool write(PhysAddr, const std::uint8_t*, std::uint32_t) override { return false; }

    private:
        PhysicalMemory& bytes_;
    };
    SimTime now() const { return owner.now(); }
    iommu::ShadowAccess access_of(const Transaction& transaction) const;

    const Sanitizer& owner;

public:
    const IommuSite& site;
    const std::vector<IommuSite::Bank> banks;  ///< of its registers

protected:
    Bytes bytes;
};

/// A family whose memory is more than tables: configuration, tables of both stages, queues, endpoints
/// (iommu/smmuv3/shadow.hpp); nullptr: the device's is none.
std::unique_ptr<SanitizerUnit> make_shadow_unit(const Sanitizer& owner, PhysicalMemory& memory, const IommuSite& site,
                                                const IommuDevice& device, const iommu::Hardware& hardware);
/// Families whose instances say what their table words mean (iommu/shadow/table_shadow.hpp); nullptr: it does not.
std::unique_ptr<SanitizerUnit> make_table_unit(const Sanitizer& owner, PhysicalMemory& memory, const IommuSite& site,
                                               const IommuDevice& device);
/// A virtio-iommu, whose mappings are its own; nullptr: the device is none.
std::unique_ptr<SanitizerUnit> make_virtio_unit(const Sanitizer& owner, PhysicalMemory& memory, const IommuSite& site,
                                                const IommuDevice& device);

}  // namespace xlate::soc
