#include "iommu/virtio/domains.hpp"

#include <algorithm>

namespace xlate::iommu::virtio {

namespace {

std::uint32_t u32(ByteView bytes, std::size_t at) { return static_cast<std::uint32_t>(load_le(bytes.data() + at, 4)); }
std::uint64_t u64(ByteView bytes, std::size_t at) { return load_le(bytes.data() + at, 8); }
bool all_zero(ByteView bytes, std::size_t from, std::size_t to) {
    return std::all_of(bytes.begin() + from, bytes.begin() + to, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

std::string name(RequestStatus status) {
    constexpr const char* kNames[] = {"OK", "IOERR", "UNSUPP", "DEVERR", "INVAL", "RANGE", "NOENT", "FAULT", "NOMEM"};
    return kNames[static_cast<std::size_t>(status)];
}

void Domains::reset() {
    domains_.clear();
    attached_.clear();
}

bool Domains::exists(std::uint32_t endpoint) const { return !offer_.exists || offer_.exists(endpoint); }

unsigned Domains::page_log2() const { return static_cast<unsigned>(__builtin_ctzll(offer_.page_size_mask)); }

std::size_t Domains::mappings() const {
    std::size_t all = 0;
    for (const auto& [number, domain] : domains_) all += domain.mappings.size();
    return all;
}

std::optional<std::uint32_t> Domains::attached_to(std::uint32_t endpoint) const {
    const auto at = attached_.find(endpoint);
    if (at == attached_.end()) return std::nullopt;
    return at->second;
}

const Mapping* Domains::first_mapping(std::uint32_t domain, std::uint64_t first, std::uint64_t last) const {
    const auto at = domains_.find(domain);
    if (at == domains_.end()) return nullptr;
    const auto mapping = at->second.mappings.lower_bound(first);
    return mapping == at->second.mappings.end() || mapping->second.first > last ? nullptr : &mapping->second;
}

std::vector<std::pair<std::uint32_t, Mapping>> Domains::mappings_to(std::uint64_t target, std::uint64_t bytes) const {
    std::vector<std::pair<std::uint32_t, Mapping>> found;
    for (const auto& [number, domain] : domains_) {
        for (const auto& [last, mapping] : domain.mappings) {
            const std::uint64_t end = mapping.target + (mapping.last - mapping.first);
            if (mapping.target < target + bytes && target <= end) found.emplace_back(number, mapping);
        }
    }
    return found;
}

std::optional<std::uint32_t> Domains::domain_of(std::uint32_t endpoint) const {
    const auto at = attached_.find(endpoint);
    if (at == attached_.end() || domains_.at(at->second).bypass) return std::nullopt;
    return at->second;
}

Answer Domains::execute(ByteView request, std::uint32_t writable_bytes) {
    Answer answer;
    if (request.size() < kHeadBytes || writable_bytes < kTailBytes) {
        answer.broken = true;
        return answer;
    }
    const auto type = static_cast<RequestType>(request[0]);
    const auto is = [&](RequestType wanted, std::uint32_t bytes) {
        if (type != wanted) return false;
        answer.status = request.size() < bytes ? RequestStatus::inval : RequestStatus::ok;
        return true;
    };
    std::vector<std::uint8_t> properties;
    if (is(RequestType::attach, kAttachBytes)) {
        if (answer.status == RequestStatus::ok) answer.status = attach(request, answer.forgotten);
    } else if (is(RequestType::detach, kDetachBytes)) {
        if (answer.status == RequestStatus::ok) answer.status = detach(request, answer.forgotten);
    } else if (is(RequestType::map, kMapBytes)) {
        if (answer.status == RequestStatus::ok) answer.status = map(request);
    } else if (is(RequestType::unmap, kUnmapBytes)) {
        if (answer.status == RequestStatus::ok) answer.status = unmap(request, answer.forgotten);
    } else if (is(RequestType::probe, kProbeBytes)) {
        const bool room = writable_bytes >= offer_.probe_bytes + kTailBytes;
        if (!room) answer.status = RequestStatus::inval;
        if (answer.status == RequestStatus::ok) answer.status = probe(request, properties);
        if (room) properties.resize(offer_.probe_bytes);
    } else {
        answer.status = RequestStatus::unsupp;
    }
    answer.written = std::move(properties);
    answer.written.push_back(static_cast<std::uint8_t>(answer.status));
    answer.written.resize(answer.written.size() + kTailBytes - 1);
    return answer;
}

void Domains::leave(std::uint32_t endpoint) {
    const auto at = attached_.find(endpoint);
    if (at == attached_.end()) return;
    const auto domain = domains_.find(at->second);
    attached_.erase(at);
    if (--domain->second.endpoints == 0) domains_.erase(domain);
}

RequestStatus Domains::attach(ByteView request, Forgotten& forgotten) {
    const std::uint32_t number = u32(request, 4), endpoint = u32(request, 8), flags = u32(request, 12);
    if ((flags & ~attach_flag::BYPASS) != 0 || !all_zero(request, 16, 20)) return RequestStatus::inval;
    if (number < offer_.domain_first || number > offer_.domain_last) return RequestStatus::range;
    if (!exists(endpoint)) return RequestStatus::noent;
    const bool bypass = (flags & attach_flag::BYPASS) != 0;
    const auto there = domains_.find(number);
    if (there != domains_.end() && there->second.bypass != bypass) return RequestStatus::inval;
    const auto before = attached_.find(endpoint);
    if (before != attached_.end() && before->second == number) return RequestStatus::ok;
    // Entered before the old one is left: nothing ends in between.
    Domain& domain = domains_[number];
    domain.bypass = bypass;
    ++domain.endpoints;
    leave(endpoint);
    attached_[endpoint] = number;
    forgotten = {Forgotten::What::endpoint, number, endpoint, 0, ~std::uint64_t{0}};
    return RequestStatus::ok;
}

RequestStatus Domains::detach(ByteView request, Forgotten& forgotten) {
    const std::uint32_t number = u32(request, 4), endpoint = u32(request, 8);
    if (!all_zero(request, 12, 20)) return RequestStatus::inval;
    if (!exists(endpoint) || domains_.count(number) == 0) return RequestStatus::noent;
    const auto at = attached_.find(endpoint);
    if (at == attached_.end() || at->second != number) return RequestStatus::inval;
    leave(endpoint);
    forgotten = {Forgotten::What::endpoint, number, endpoint, 0, ~std::uint64_t{0}};
    return RequestStatus::ok;
}

RequestStatus Domains::map(ByteView request) {
    const std::uint32_t number = u32(request, 4), flags = u32(request, 32);
    const Mapping mapping{u64(request, 8), u64(request, 16), u64(request, 24), flags};
    if ((flags & ~map_flag::kAll) != 0) return RequestStatus::inval;
    const auto domain = domains_.find(number);
    if (domain == domains_.end()) return RequestStatus::noent;
    if (domain->second.bypass || mapping.last < mapping.first) return RequestStatus::inval;
    const std::uint64_t below = low_mask(page_log2());
    if ((mapping.first & below) != 0 || (mapping.target & below) != 0 || ((mapping.last + 1) & below) != 0)
        return RequestStatus::range;
    if (mapping.first < offer_.input_first || mapping.last > offer_.input_last) return RequestStatus::range;
    const auto next = domain->second.mappings.lower_bound(mapping.first);
    if (next != domain->second.mappings.end() && next->second.first <= mapping.last) return RequestStatus::inval;
    domain->second.mappings[mapping.last] = mapping;
    return RequestStatus::ok;
}

RequestStatus Domains::unmap(ByteView request, Forgotten& forgotten) {
    const std::uint32_t number = u32(request, 4);
    const std::uint64_t first = u64(request, 8), last = u64(request, 16);
    if (!all_zero(request, 24, 28)) return RequestStatus::inval;
    const auto domain = domains_.find(number);
    if (domain == domains_.end()) return RequestStatus::noent;
    if (domain->second.bypass) return RequestStatus::inval;
    std::map<std::uint64_t, Mapping>& mappings = domain->second.mappings;
    const auto begin = mappings.lower_bound(first);
    auto end = begin;
    for (; end != mappings.end() && end->second.first <= last; ++end) {
        if (end->second.first < first || end->second.last > last) return RequestStatus::range;
    }
    mappings.erase(begin, end);
    forgotten = {Forgotten::What::range, number, 0, first, last};
    return RequestStatus::ok;
}

RequestStatus Domains::probe(ByteView request, std::vector<std::uint8_t>& properties) const {
    if (!exists(u32(request, 4))) return RequestStatus::noent;
    if (!all_zero(request, 8, kProbeBytes)) return RequestStatus::inval;
    for (const ReservedMemory& region : offer_.reserved) {
        std::uint8_t bytes[property::kHeadBytes + property::kResvMemBytes] = {};
        store_le(bytes, 2, property::RESV_MEM);
        store_le(bytes + 2, 2, property::kResvMemBytes);
        bytes[4] = region.subtype;
        store_le(bytes + 8, 8, region.first);
        store_le(bytes + 16, 8, region.last);
        properties.insert(properties.end(), std::begin(bytes), std::end(bytes));
    }
    return RequestStatus::ok;
}

std::vector<std::uint8_t> Domains::event_of(const Found& found, std::uint32_t endpoint, std::uint64_t address,
                                            bool write) const {
    std::vector<std::uint8_t> record(event::kBytes);
    record[0] = found.verdict == Verdict::no_endpoint ? event::kUnknown
                : found.verdict == Verdict::no_domain ? event::kDomain
                                                      : event::kMapping;
    store_le(&record[4], 4, (write ? event::WRITE : event::READ) | event::ADDRESS);
    store_le(&record[8], 4, endpoint);
    store_le(&record[16], 8, address);
    return record;
}

Domains::Found Domains::find(std::uint32_t endpoint, std::uint64_t address, bool write) const {
    Found found;
    const auto at = attached_.find(endpoint);
    if (at == attached_.end()) {
        // Of what nothing is known, nothing is translated.
        found.verdict = bypass_ ? Verdict::bypass : exists(endpoint) ? Verdict::no_domain : Verdict::no_endpoint;
        return found;
    }
    found.domain = at->second;
    const Domain& domain = domains_.at(at->second);
    if (domain.bypass) {
        found.verdict = Verdict::bypass;
        return found;
    }
    const auto mapping = domain.mappings.lower_bound(address);
    if (mapping == domain.mappings.end() || mapping->second.first > address) {
        found.verdict = Verdict::no_mapping;
        return found;
    }
    found.mapping = mapping->second;
    const std::uint32_t needed = write ? map_flag::WRITE : map_flag::READ;
    found.verdict = (found.mapping.flags & needed) != 0 ? Verdict::mapped : Verdict::denied;
    return found;
}

}  // namespace xlate::iommu::virtio
