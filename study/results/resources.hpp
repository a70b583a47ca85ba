// What can limit a master, in words, with the key of the config that sizes it: the same in results, reports and `why`.
#pragma once

#include <string>

namespace xlate::study::resource {

inline constexpr const char* kMemory = "bandwidth of memory (soc.memory.bandwidth)";
inline constexpr const char* kMemoryLatency = "latency of memory (soc.memory.latency)";
inline constexpr const char* kBanks = "banks of memory (soc.memory.banks)";
inline constexpr const char* kSystemCache = "lines that the system cache fetches (soc.system_cache.misses)";
inline constexpr const char* kCrossbar = "crossbar (soc.interconnect.width)";
inline constexpr const char* kSubnet = "crossbar below the SoC's (soc.interconnects.NAME.width)";
inline constexpr const char* kBridge = "bridge between crossbars (soc.interconnects.NAME.outstanding)";
inline constexpr const char* kNetworkLink = "link of the ring or mesh (soc.interconnect.width)";
inline constexpr const char* kRegulator = "bandwidth regulator (soc.regulators.NAME.bytes)";
inline constexpr const char* kLink = "PCIe link (soc.pcie.bandwidth)";
inline constexpr const char* kLinkByLanes = "PCIe link (soc.pcie.lanes, soc.pcie.generation)";  ///< where these say it
inline constexpr const char* kPortLink = "link below the PCIe port NAME (soc.pci[].link)";
inline constexpr const char* kLinkLatency = "latency of the PCIe link (soc.pcie.latency)";
inline constexpr const char* kPort = "port of the TBU (tbu.port_width)";
inline constexpr const char* kPortSlots = "translation slots of the TBU (tbu.xlate_slots)";
inline constexpr const char* kWriteBuffer = "write buffer of the TBU (tbu.write_buffer)";
inline constexpr const char* kMicroTlbLookups = "look-ups of the TBU's micro-TLB (tbu.micro_tlb.slots)";
inline constexpr const char* kTlbLookups = "look-ups of the TBU's TLB (tbu.tlb.slots)";
inline constexpr const char* kTlb = "TLB of the TBU (tbu.tlb.entries)";
inline constexpr const char* kCoreLink = "wires between the TBU and the core, a message a cycle (clock)";
inline constexpr const char* kCoreSlots = "translation slots of the core (tcu.xlate_slots)";
inline constexpr const char* kCoreLookups = "look-ups in the core (tcu.tlb.slots, tcu.config_cache.slots)";
inline constexpr const char* kWalkCacheLookups = "look-ups of the walk cache (tcu.walk_cache.slots)";
inline constexpr const char* kWalker = "cycles of the walker (tcu.walk_step)";
inline constexpr const char* kCorePort = "port of the core to memory (tcu.port_width)";
inline constexpr const char* kWalkSlots = "walk slots of the core (tcu.walk_slots)";
inline constexpr const char* kOutstanding = "its own outstanding transfers (traffic[].outstanding) and their latency";
inline constexpr const char* kQueued = "waiting for a place in the IOMMU, of its transactions' time";
inline constexpr const char* kRate = "its own rate (traffic[].rate)";
inline constexpr const char* kInterval = "its own pace (traffic[].interval)";
inline constexpr const char* kBursts = "its own pace (traffic[].interval, traffic[].burst_gap)";
inline constexpr const char* kDriver = "map and unmap around each transfer by its driver (traffic[].tasks)";

/// A lock of the kernel, by its class.
inline std::string lock(const std::string& lock_class) { return "lock " + lock_class + " (kernel.locks)"; }

}  // namespace xlate::study::resource
