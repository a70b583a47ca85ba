// What can limit a master, in words, with the key of the config that sizes it: the same in results, reports and `why`.
#pragma once

namespace xlate::study::resource {

inline constexpr const char* kMemory = "bandwidth of memory (soc.memory.bandwidth)";
inline constexpr const char* kMemoryLatency = "latency of memory (soc.memory.latency)";
inline constexpr const char* kCrossbar = "crossbar (soc.interconnect.width)";
inline constexpr const char* kLink = "PCIe link (soc.pcie.bandwidth)";
inline constexpr const char* kLinkLatency = "latency of the PCIe link (soc.pcie.latency)";
inline constexpr const char* kPort = "port of the TBU (tbu.port_width)";
inline constexpr const char* kPortSlots = "translation slots of the TBU (tbu.xlate_slots)";
inline constexpr const char* kWriteBuffer = "write buffer of the TBU (tbu.write_buffer)";
inline constexpr const char* kTlb = "TLB of the TBU (tbu.tlb.entries)";
inline constexpr const char* kCoreSlots = "translation slots of the core (tcu.xlate_slots)";
inline constexpr const char* kWalkSlots = "walk slots of the core (tcu.walk_slots)";
inline constexpr const char* kOutstanding = "its own outstanding transfers (traffic[].outstanding) and their latency";
inline constexpr const char* kQueued = "waiting for a place in the IOMMU, of its transactions' time";
inline constexpr const char* kRate = "its own rate (traffic[].rate)";
inline constexpr const char* kInterval = "its own pace (traffic[].interval)";
inline constexpr const char* kBursts = "its own pace (traffic[].interval, traffic[].burst_gap)";
inline constexpr const char* kDriver = "map and unmap around each transfer by its driver (traffic[].tasks)";

}  // namespace xlate::study::resource
