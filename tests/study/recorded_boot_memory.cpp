#include "tests/study/recorded_boot.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace xlate::study::tests {

void RecordedBoot::words_in(const Json& node, std::vector<std::uint64_t>& words) {
    if (node.is_string()) {
        const std::string text = node;
        if (text.rfind("0x", 0) == 0) words.push_back(std::stoull(text, nullptr, 0));
    } else if (node.is_structured()) {
        for (const auto& [key, below] : node.items()) words_in(below, words);
    }
}

void RecordedBoot::tables(const kernel::VirtioRng& rng, const std::set<std::uint64_t>& ours) {
    const std::filesystem::path file = folder_ / "tables.json";
    if (!has_trace() || !std::filesystem::exists(file)) return;
    // The real page -> ours, by the IOVA to which both were mapped in the end.
    std::map<std::uint64_t, std::uint64_t> by_iova;
    for (const kernel::ClientMapping& one : rng.mappings()) {
        for (std::uint64_t at = 0; !one.unmap && at < one.size; at += 4096)
            by_iova[one.iova.value + at] = one.memory.value + at;
    }
    std::map<std::uint64_t, std::set<std::uint64_t>> frames;
    for (const Json& one : truth_["dma_trace"]) {
        if (one["event"] != "map" || kt::hex_of(one["iova"]) == kt::hex_of(one["paddr"])) continue;
        for (std::uint64_t at = 0; at < one["size"].get<std::uint64_t>(); at += 4096) {
            const auto at_iova = by_iova.find(kt::hex_of(one["iova"]) + at);
            if (at_iova != by_iova.end()) frames[kt::hex_of(one["paddr"]) + at].insert(at_iova->second);
        }
    }
    std::vector<std::uint64_t> words;
    words_in(kt::read_json(file), words);
    unsigned found = 0, missing = 0;
    std::string first;
    for (const std::uint64_t word : words) {
        const auto page = std::find_if(frames.begin(), frames.end(), [&](const auto& one) {
            return (word & 0xFFFFFFFFF000) == one.first || (word & 0xFFFFF) == one.first >> 12 ||
                   (word & 0xFFFFFFFF00) == one.first >> 4;
        });
        if (page == frames.end()) continue;
        const unsigned shift = (word & 0xFFFFFFFFF000) == page->first  ? 0
                               : (word & 0xFFFFF) == page->first >> 12 ? 12
                                                                       : 4;
        const bool there = std::any_of(page->second.begin(), page->second.end(), [&](std::uint64_t own) {
            return ours.count(word - (page->first >> shift) + (own >> shift)) != 0;
        });
        ++(there ? found : missing);
        if (!there && first.empty())
            first = fmt::format("{:#x}, whose page is {:#x} here", word, *page->second.begin());
    }
    if (missing != 0)
        say("tables", fmt::format("{} of {} words are not here; the first: {}", missing, found + missing, first));
}

void RecordedBoot::written(const kernel::VirtioRng& rng, const soc::Soc& soc) {
    std::set<std::string> unmapped;
    for (const kernel::ClientMapping& one : rng.mappings()) {
        if (one.unmap) unmapped.insert(one.device);
    }
    for (const kernel::ClientMapping& queue : rng.mappings()) {
        if (queue.device_writes_only || unmapped.count(queue.device) != 0) continue;
        if (const std::string missing = unwritten_pages(queue, soc); !missing.empty())
            unwritten_[queue.device] = missing;
    }
}

std::string RecordedBoot::unwritten_pages(const kernel::ClientMapping& queue, const soc::Soc& soc) const {
    std::uint64_t step = 4096;
    for (const firmware::NodeIndex at : providers_of(node_of(queue.device))) {
        if (board_.node(at).is_compatible("apple,t6000-dart") || board_.node(at).is_compatible("apple,t8110-dart"))
            step = 16384;
    }
    std::string missing;
    for (std::uint64_t at = 0; at < queue.size; at += step) {
        std::array<std::uint8_t, 4096> bytes{};
        const bool is_memory = soc.peek(queue.memory + at, bytes.data(), bytes.size());
        if (!is_memory || std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t one) { return one == 0; }))
            missing += fmt::format(" {:#x} (IOVA {:#x})", queue.memory.value + at, queue.iova.value + at);
    }
    return missing;
}

std::set<std::uint64_t> RecordedBoot::words_of(const std::map<std::uint64_t, std::uint32_t>& stored) {
    std::set<std::uint64_t> words;
    for (const auto& [address, word] : stored) {
        words.insert(word);
        const auto next = stored.find(address + 4);
        if (address % 8 == 0 && next != stored.end()) words.insert(std::uint64_t{next->second} << 32 | word);
    }
    return words;
}

}  // namespace xlate::study::tests
