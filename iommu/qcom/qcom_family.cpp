#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/qcom/qcom.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

/// Banks beyond what the model has, and such whose number another has already, are left out: they stay off.
std::unique_ptr<Instance> make(const InstanceParams& params) {
    const InstanceFacts& facts = params.facts;
    qcom::Parameters own;
    own.local_bytes.assign(facts.register_bytes.begin(), facts.register_bytes.begin() + facts.own_banks());
    for (const InstanceFacts::Part& part : facts.parts) {
        qcom::Bank bank;
        bank.asid = qcom::asid_of(part.place, part.number);
        bank.secured = qcom::is_secured(part.compatible) || bank.asid >= qcom::kMostBanks;
        bank.bytes = part.bytes;
        own.banks.push_back(bank);
    }
    own.first_wire = facts.interrupts;
    own.tlb = params.caches.tlb;
    own.level1 = params.caches.walk(1);
    own.level2 = params.caches.walk(2);
    own.seed = params.seed;
    own.name = params.name;
    return std::make_unique<qcom::QcomIommu>(own);
}

/// As an MMU-500, smaller: one TLB and a walker for all banks.
constexpr TimingPreset kTiming{
    "msm-iommu-like", "estimate",        {false, 16, 0, 1, 1}, {true, 32, 0, 1, 1}, {true, 128, 4, 2, 2}, 5, 64, 4,
    {0, 4, 32, 0},    {256, 256, 256, 0}};

constexpr Family kFamilies[] = {{"qcom", &kTiming, &qcom::sheet, &make, {}}};

/// The banks have the register banks behind the first one; they are numbered from 1.
std::unique_ptr<Instance> make_small(const SmallInstance& wanted) {
    qcom::Parameters parameters;
    parameters.name = wanted.name;
    parameters.local_bytes = {wanted.register_bytes.front()};
    for (std::size_t number = 1; number < wanted.register_bytes.size(); ++number) {
        qcom::Bank bank;
        bank.asid = static_cast<unsigned>(number);
        bank.bytes = wanted.register_bytes[number];
        parameters.banks.push_back(bank);
    }
    for (CacheParams* cache : {&parameters.tlb, &parameters.level1, &parameters.level2}) {
        cache->entries = kSmallCache;
        cache->ways = 0;
    }
    return std::make_unique<qcom::QcomIommu>(parameters);
}

}  // namespace

Span<Family> qcom_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily qcom_small() { return {"qcom", &make_small}; }
ExampleBoard qcom_example() { return {"qcom", "a Qualcomm msm-iommu", "msm-iommu.dtb", "1c00000.gpu"}; }

}  // namespace xlate::iommu
