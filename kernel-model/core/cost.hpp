// What kernel steps cost in simulated time. Assumptions to be swept, not measurements.
// Source: docs/spec/kernel-probe.md section 7 (the second table; ranges are there).
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace xlate::kernel {

/// Whose page-table work takes the time that was measured for it (pgtable/table_cost.hpp); of others, stores alone take
/// time.
enum class PageTableCosts : std::uint8_t { none, x86, all };

struct CostTable {
    SimTime lock = ns(25);            ///< uncontended lock or unlock
    SimTime spin_halt_after{};        ///< a spinlock's waiter then halts its CPU, as a guest's does; 0: it spins on
    SimTime spin_halt_wake = us(50);  ///< from the unlock until a halted waiter runs: it has the lock all that time
    PageTableCosts page_tables = PageTableCosts::x86;
    SimTime mutex_sleep_wake = us(4);  ///< a mutex that had to wait
    SimTime shared_access = ns(0);     ///< one read or write of a shared field
    SimTime kmalloc = ns(80);
    SimTime kfree = ns(50);
    SimTime ops_lookup = ns(60);  ///< by fwnode
    SimTime ops_lookup_per_instance = ns(5);
    SimTime parse_iommus_entry = ns(1500);
    SimTime iommu_map_lookup = ns(800);     ///< per alias
    SimTime iort_lookup = us(2);            ///< per ID
    SimTime group_creation = us(15);        ///< group and group_device, with sysfs
    SimTime domain_allocation = us(5);      ///< with IOVA cookie and first table page
    SimTime failed_probe = ns(500);         ///< N1 without fwspec: alloc, driver check, free
    SimTime pci_config_write = ns(500);     ///< not posted: to the function and back
    SimTime cmd_sync_contention = ns(400);  ///< per concurrent CPU
    SimTime printk_line = ns(0);            ///< quiet; a serial console at 115200 is 6 ms
    SimTime deferred_worker_wake = us(20);
    SimTime workqueue_wake = us(4);               ///< as mutex_sleep_wake: a kworker is woken
    SimTime deferred_probe_timeout = ms(10'000);  ///< modules supported; 0 otherwise
};

}  // namespace xlate::kernel
