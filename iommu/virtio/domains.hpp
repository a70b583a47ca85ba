// What a virtio-iommu knows: endpoints, the domains that they are attached to, the mappings of each domain; and what a
// request does to them. No time, no queue: the requests' bytes come in, the bytes of the answer go out.
//   ATTACH    moves an endpoint that is attached elsewhere; the last one that leaves a domain ends it with its mappings
//   MAP       overlapping another mapping: INVAL; not aligned to the smallest page, or outside of the input range:
//   RANGE UNMAP     removes the mappings that lie inside; one that it would split: RANGE, nothing is removed; a hole is
//   fine
// Requests are refused whole. Source: VIRTIO 1.2 section 5.13.6; docs/spec/iommu-hardware.md section 8.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/span.hpp"
#include "iommu/virtio/layout.hpp"

namespace xlate::iommu::virtio {

/// A range of input addresses that no mapping of an endpoint may use.
struct ReservedMemory {
    std::uint8_t subtype = property::kReserved;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
};

/// What the configuration space says, and which endpoints there are.
struct Offer {
    std::uint64_t page_size_mask = ~std::uint64_t{0xFFF};
    std::uint64_t input_first = 0, input_last = ~std::uint64_t{0};
    std::uint32_t domain_first = 0, domain_last = ~std::uint32_t{0};
    std::uint32_t probe_bytes = 512;  ///< of a PROBE's answer before its tail
    bool bypass = true;               ///< after power-on: what an endpoint does that is attached to nothing
    std::vector<ReservedMemory> reserved{{property::kMsi, 0xFEE00000, 0xFEEFFFFF}};  ///< of every endpoint
    std::function<bool(std::uint32_t endpoint)> exists;                              ///< empty: every endpoint does
};

struct Mapping {
    std::uint64_t first = 0, last = 0;  ///< input addresses
    std::uint64_t target = 0;
    std::uint32_t flags = 0;  ///< map_flag
};

/// What is dropped from caches: mappings of a domain, or all that an endpoint used.
struct Forgotten {
    enum class What : std::uint8_t { nothing, endpoint, range, domain } what = What::nothing;
    std::uint32_t domain = 0;
    std::uint32_t endpoint = 0;
    std::uint64_t first = 0, last = 0;
};

/// The answer to a request: what the device writes, from the start of the writable part.
struct Answer {
    bool broken = false;  ///< there is no room for head or tail: the device needs a reset, and writes nothing
    RequestStatus status = RequestStatus::ok;
    std::vector<std::uint8_t> written;
    Forgotten forgotten;
};

class Domains {
public:
    explicit Domains(const Offer& offer) : offer_(offer), bypass_(offer.bypass) {}

    /// As after a reset of the device. What `bypass` is stays: it is the system's.
    void reset();
    Answer execute(ByteView request, std::uint32_t writable_bytes);

    enum class Verdict : std::uint8_t { bypass, no_endpoint, no_domain, no_mapping, denied, mapped };
    struct Found {
        Verdict verdict = Verdict::no_domain;
        std::uint32_t domain = 0;
        Mapping mapping;  ///< denied, mapped
    };
    Found find(std::uint32_t endpoint, std::uint64_t address, bool write) const;
    /// The event of an access that was refused: event::kBytes.
    std::vector<std::uint8_t> event_of(const Found& found, std::uint32_t endpoint, std::uint64_t address,
                                       bool write) const;
    /// The domain of an endpoint, if it is attached to one that translates.
    std::optional<std::uint32_t> domain_of(std::uint32_t endpoint) const;
    bool exists(std::uint32_t endpoint) const;
    /// The domain that an endpoint is attached to, of either kind.
    std::optional<std::uint32_t> attached_to(std::uint32_t endpoint) const;
    /// Of a domain, the lowest that has an address of [first, last]. nullptr: none has.
    const Mapping* first_mapping(std::uint32_t domain, std::uint64_t first, std::uint64_t last) const;
    /// Of any domain, to some byte of [target, target + bytes): the domain's number with it.
    std::vector<std::pair<std::uint32_t, Mapping>> mappings_to(std::uint64_t target, std::uint64_t bytes) const;

    const Offer& offer() const { return offer_; }
    bool bypass() const { return bypass_; }
    void set_bypass(bool on) { bypass_ = on; }
    bool any_attached() const { return !attached_.empty(); }
    /// Smallest page, log2 bytes.
    unsigned page_log2() const;
    std::size_t mappings() const;

private:
    struct Domain {
        bool bypass = false;
        unsigned endpoints = 0;
        std::map<std::uint64_t, Mapping> mappings;  ///< by last address
    };
    RequestStatus attach(ByteView request, Forgotten& forgotten);
    RequestStatus detach(ByteView request, Forgotten& forgotten);
    RequestStatus map(ByteView request);
    RequestStatus unmap(ByteView request, Forgotten& forgotten);
    RequestStatus probe(ByteView request, std::vector<std::uint8_t>& properties) const;
    void leave(std::uint32_t endpoint);

    Offer offer_;
    bool bypass_;
    std::map<std::uint32_t, Domain> domains_;
    std::map<std::uint32_t, std::uint32_t> attached_;  ///< endpoint to domain
};

/// "OK", "NOENT".
std::string name(RequestStatus status);

}  // namespace xlate::iommu::virtio
