// What masters share: how busy it was, and how long it was waited for.
#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "study/results/numbers.hpp"
#include "study/results/report/html.hpp"
#include "study/results/report/run_page.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kWorthALine = 0.005;

std::string percent(const Json& share) { return fmt::format("{:.1f} %", share.get<double>() * 100); }

}  // namespace

std::string resource_words(const std::string& kind) {
    static const std::map<std::string, const char*> kWords{
        {"memory", "channel"},
        {"memory_banks", "banks"},
        {"system_cache", "lines that it fetches"},
        {"crossbar", "layer to"},
        {"crossbar_back", "layer back to"},
        {"network_link", "link"},
        {"bridge", "accesses on their way"},
        {"regulator", "held for a window"},
        {"link_up", "link to memory"},
        {"link_down", "link from memory"},
        {"port", "port of"},
        {"port_slots", "translation slots of"},
        {"write_buffer", "write buffer of"},
        {"micro_tlb", "micro-TLB of"},
        {"main_tlb", "TLB of"},
        {"link_to_core", "wires to the core from"},
        {"link_from_core", "wires from the core to"},
        {"bus_port", "port to memory"},
        {"core_slots", "translation slots of the core"},
        {"walk_slots", "walk slots"},
        {"config_cache", "configuration cache"},
        {"core_tlb", "TLB of the core"},
        {"ipa_cache", "IPA cache"},
        {"walk_cache", "walk cache"},
        {"walker", "walker"},
        {"registers", "registers"},
        {"commands", "command queue"},
        {"drain", "drains (SYNC)"},
        {"cpu", "CPU"},
        {"lock", "lock"},
    };
    const auto found = kWords.find(kind);
    return found == kWords.end() ? kind : found->second;
}

std::string resources_section(RunPage& page) {
    if (!page.result.contains("resources")) return "";
    std::vector<const Json*> all;
    for (const Json& one : page.result.at("resources")) {
        if (one.at("busy_share").get<double>() >= kWorthALine || one.at("waiting").get<double>() >= kWorthALine)
            all.push_back(&one);
    }
    if (all.empty()) return "";
    const auto load = [](const Json* one) {
        return std::max(one->at("busy_share").get<double>(), one->at("full_share").get<double>());
    };
    std::stable_sort(all.begin(), all.end(), [&](const Json* a, const Json* b) { return load(a) > load(b); });
    HtmlTable table("Shared resources", {"where", "resource", "places", "busy", "in use", "full", "waiting", "waited"},
                    2);
    for (std::size_t i = 0; i < all.size() && i < kMostRows; ++i) {
        const Json& one = *all[i];
        std::string what = resource_words(text(one.at("kind")));
        if (!text(one.at("part")).empty()) what += " " + text(one.at("part"));
        table.add({text(one.at("component")), std::move(what), table_number(one.at("places")),
                   percent(one.at("busy_share")), fmt::format("{:.2f}", one.at("occupancy").get<double>()),
                   percent(one.at("full_share")), fmt::format("{:.2f}", one.at("waiting").get<double>()),
                   span_text(one.at("waited_ns"))});
    }
    return heading("What was shared") +
           "<p class=\"dim\">From the first transaction to the last. Busy: of its places. In use, waiting: mean. "
           "Waited: by all in sum. Full: no place is free, or "
           "an access stands at its door.</p>\n" +
           table.html() + more_of(all.size());
}

}  // namespace xlate::study
