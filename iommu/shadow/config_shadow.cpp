#include "iommu/shadow/config_shadow.hpp"

#include <algorithm>

namespace xlate::iommu {

namespace {

constexpr std::size_t kMaxGiven = 64;

}  // namespace

void ConfigShadow::read(const MemoryAccess& access, const Reply& reply, std::uint32_t epoch,
                        const ShadowAccess& reader) {
    if (reply.abort || access.kind != AccessKind::read || access.size > ConfigEntry::kMostBytes) return;
    ConfigEntry entry;
    entry.address = access.address.value;
    entry.size = access.size;
    std::copy_n(reply.data.begin(), access.size, entry.bytes.begin());
    if (!words_.keeps_configuration(access.purpose, entry.bytes.data())) return;
    entry.purpose = access.purpose;
    entry.stream = stream_tag(reader.sid, std::nullopt);
    entry.epoch = epoch;
    entry.reader = reader;
    const Key key{entry.stream, entry.purpose};
    const auto held = entries_.find(key);
    if (held == entries_.end()) {
        entries_.emplace(key, entry);
    } else if (held->second.covered && held->second.epoch < epoch) {
        after_drain_[key] = entry;
    } else if (!held->second.stale) {
        held->second = entry;
    }
}

void ConfigShadow::invalidate(const Invalidation& invalidation, std::uint32_t epoch, SimTime now) {
    if (invalidation.is_config() || !words_.drops_words(invalidation)) {
        if (given_.size() >= kMaxGiven) given_.erase(given_.begin());
        given_.push_back({invalidation, now});
    }
    const auto goes = [&](const ConfigEntry& entry) {
        return entry.epoch < epoch &&
               words_.covers_configuration(invalidation, entry.stream, entry.purpose, entry.bytes.data());
    };
    for (auto at = entries_.begin(); at != entries_.end();) {
        if (!goes(at->second)) {
            ++at;
        } else if (words_.needs_drain()) {
            at->second.covered = true;
            ++at;
        } else {
            at = entries_.erase(at);
        }
    }
    for (auto at = after_drain_.begin(); at != after_drain_.end();) {
        at = goes(at->second) ? after_drain_.erase(at) : std::next(at);
    }
}

void ConfigShadow::drained() {
    for (auto at = entries_.begin(); at != entries_.end();) {
        at = at->second.covered ? entries_.erase(at) : std::next(at);
    }
    for (auto& [key, entry] : after_drain_) {
        std::array<std::uint8_t, ConfigEntry::kMostBytes> bytes{};
        memory_.read(PhysAddr{entry.address}, bytes.data(), entry.size);
        if (bytes != entry.bytes) {
            entry.stale = true;
            entry.stale_since = entry.reader.time;
        }
        entries_.emplace(key, entry);
    }
    after_drain_.clear();
}

void ConfigShadow::memory_written(PhysAddr at, std::uint64_t bytes, ShadowOrigin writer, SimTime now) {
    for (auto& [key, entry] : entries_) {
        if (entry.stale || at.value >= entry.address + entry.size || entry.address >= at.value + bytes) continue;
        std::array<std::uint8_t, ConfigEntry::kMostBytes> says{};
        memory_.read(PhysAddr{entry.address}, says.data(), entry.size);
        if (says == entry.bytes) continue;
        entry.stale = true;
        entry.stale_since = now;
        entry.writer = writer;
    }
}

void ConfigShadow::installed(StreamId stream, ShadowOrigin by, SimTime now) {
    const std::uint64_t tag = stream_tag(stream, std::nullopt);
    for (auto found = entries_.lower_bound({tag, AccessPurpose{}}); found != entries_.end(); ++found) {
        if (found->first.first != tag) break;
        ConfigEntry& entry = found->second;
        if (!entry.stale || entry.reported) continue;
        report(entry, entry.covered ? ShadowRule::missing_sync : ShadowRule::missing_config_inv, by, now);
    }
}

void ConfigShadow::end(SimTime now) {
    for (auto& [key, entry] : entries_) {
        if (entry.stale && !entry.covered && !entry.reported) report(entry, ShadowRule::never_invalidated, 0, now);
    }
}

void ConfigShadow::report(ConfigEntry& entry, ShadowRule rule, ShadowOrigin by, SimTime now) {
    entry.reported = true;
    ++counts_[static_cast<std::size_t>(rule)];
    if (violations_.size() >= kMaxViolations) return;
    ConfigViolation& violation = violations_.emplace_back();
    violation.rule = rule;
    violation.time = now;
    violation.by = by;
    violation.entry = entry;
    for (const Given& given : given_) {
        if (given.time >= entry.stale_since) violation.nearest = given.invalidation;
    }
}

}  // namespace xlate::iommu
