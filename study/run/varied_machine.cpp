#include "study/run/varied_machine.hpp"

namespace xlate::study {
namespace {

/// Quantiles of an exponential distribution at (i + 1/2) / 64, in 1/1024 of its mean; their mean is 1024.
constexpr std::array<std::uint32_t, 64> kExponential{{
    8,    24,   41,   58,   75,   93,   110,  128,  147,  165,  184,  204,  224,  244,  265,  286,
    307,  329,  351,  374,  398,  421,  446,  471,  497,  523,  550,  578,  607,  636,  666,  698,
    730,  763,  797,  833,  870,  908,  947,  989,  1032, 1076, 1123, 1172, 1224, 1278, 1335, 1396,
    1460, 1529, 1602, 1681, 1767, 1861, 1964, 2079, 2207, 2355, 2527, 2733, 2992, 3338, 3864, 4996,
}};
constexpr std::uint64_t kOne = 1024;

}  // namespace

VariedMachine::VariedMachine(kernel::Machine& machine, const kernel::CostTable& costs, const Ratio& spread,
                             std::uint64_t seed)
    : ForwardingMachine(machine), spread_(spread), rng_(seed, "kernel.costs") {
    for (const SimTime cost :
         {costs.lock, costs.mutex_sleep_wake, costs.shared_access, costs.kmalloc, costs.kfree, costs.ops_lookup,
          costs.ops_lookup_per_instance, costs.parse_iommus_entry, costs.iommu_map_lookup, costs.iort_lookup,
          costs.group_creation, costs.domain_allocation, costs.failed_probe, costs.pci_config_write,
          costs.cmd_sync_contention, costs.printk_line, costs.deferred_worker_wake, costs.workqueue_wake})
        costs_fs_.insert(cost.fs);
}

void VariedMachine::pass(SimTime time) {
    if (costs_fs_.count(time.fs) == 0) {
        ForwardingMachine::pass(time);
        return;
    }
    const std::uint64_t drawn = kExponential[rng_.below(kExponential.size())];
    const double spread = static_cast<double>(spread_.numerator) / static_cast<double>(spread_.denominator);
    const double share = 1 - spread + spread * static_cast<double>(drawn) / static_cast<double>(kOne);
    const auto varied = static_cast<std::uint64_t>(static_cast<double>(time.fs) * share);
    ForwardingMachine::pass({varied});
}

}  // namespace xlate::study
