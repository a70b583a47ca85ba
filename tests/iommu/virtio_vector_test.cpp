// Every recorded case of QEMU's virtio-iommu (corpus/vectors): requests, their answers, translations, events.
// Where the recording departs from the specification (its quirks), the specification wins.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/iommu/virtio_bench.hpp"
#include "tests/vectors.hpp"

namespace xlate::iommu::virtio {
namespace {

using nlohmann::json;
using tests::number;

std::vector<std::uint8_t> bytes_of(const std::string& hex) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    return bytes;
}
std::string hex_of(const std::vector<std::uint8_t>& bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
    return text;
}
std::string quirk_of(const json& one) { return one.contains("quirk") ? one.at("quirk").get<std::string>() : ""; }

Offer offer_of(const json& file) {
    const std::vector<std::uint8_t> config = bytes_of(file.at("config_bytes").get<std::string>());
    Offer offer;
    offer.page_size_mask = load_le(&config[config::page_size_mask], 8);
    offer.input_first = load_le(&config[config::input_start], 8);
    offer.input_last = load_le(&config[config::input_end], 8);
    offer.domain_first = static_cast<std::uint32_t>(load_le(&config[config::domain_start], 4));
    offer.domain_last = static_cast<std::uint32_t>(load_le(&config[config::domain_end], 4));
    offer.probe_bytes = static_cast<std::uint32_t>(load_le(&config[config::probe_size], 4));
    offer.bypass = config[config::bypass] != 0;
    std::vector<std::uint32_t> there;
    for (const json& endpoint : file.at("endpoints")) there.push_back(static_cast<std::uint32_t>(number(endpoint)));
    offer.exists = [there](std::uint32_t endpoint) {
        return std::find(there.begin(), there.end(), endpoint) != there.end();
    };
    return offer;
}

/// Replays one case and collects what differs.
class Replay {
public:
    Replay(const json& file, const json& one) : bench_(parameters_of(file)), name_(one.at("name").get<std::string>()) {
        bench_.start();
        // A short or a long request, an unaligned mapping: what the recorder did is no rule.
        quirk_ = quirk_of(one);
        for (const json& step : one.at("steps")) play(step);
    }
    std::vector<std::string> differences;
    unsigned checked = 0;
    unsigned left_out = 0;

private:
    static Parameters parameters_of(const json& file) {
        Parameters parameters;
        parameters.offer = offer_of(file);
        return parameters;
    }
    void differ(const std::string& what) {
        // Where the recorder broke a rule, what it does afterwards starts from another state.
        if (state_differs_) {
            ++left_out;
        } else {
            differences.push_back(fmt::format("{} step {}: {}", name_, index_, what));
        }
    }

    void play(const json& step) {
        ++index_;
        const std::string op = step.at("op").get<std::string>();
        if (op == "req") return request(step);
        if (op == "dma") return access(step);
        if (op == "config_write" && number(step.at("offset")) == config::bypass) {
            bench_.untimed.write_register(reg::Config + config::bypass, step.at("size").get<unsigned>(),
                                          number(step.at("value")));
            return;
        }
        if (op == "config_read" && number(step.at("offset")) == config::bypass) {
            ++checked;
            if (number(step.at("value")) != bench_.unit.read_register(reg::Config + config::bypass, 1))
                differ("bypass");
        }
    }
    void request(const json& step) {
        const auto answer = bench_.request(bytes_of(step.at("readable").get<std::string>()),
                                           step.at("writable_len").get<std::uint32_t>());
        const std::string quirk = quirk_ + quirk_of(step);
        ++checked;
        if (step.contains("not_used")) {
            if (answer || (bench_.read(reg::Status) & status::NEEDS_RESET) == 0)
                differ("is answered; recorded: the device needs a reset");
            return;
        }
        if (!answer) return differ("needs a reset; recorded: an answer");
        const RequestStatus status = static_cast<RequestStatus>((*answer)[answer->size() - kTailBytes]);
        const std::string recorded = step.at("written").get<std::string>();
        if (step.contains("rule_status")) {
            if (!state_differs_ && status != static_cast<RequestStatus>(number(step.at("rule_status"))) &&
                hex_of(*answer) != recorded)
                differences.push_back(fmt::format("{}, neither the rule's {} nor what was recorded, {}", name(status),
                                                  number(step.at("rule_status")), recorded));
            if (hex_of(*answer) == recorded) return;
            ++left_out;
            state_differs_ = true;
            return;
        }
        if (hex_of(*answer) == recorded) return;
        if (!quirk.empty()) {
            ++left_out;
            return;
        }
        differ(fmt::format("{}, recorded {}", hex_of(*answer), recorded));
    }
    void access(const json& step) {
        const json& result = step.at("result");
        const std::string quirk = quirk_ + quirk_of(step);
        if (result.contains("undetermined")) return;
        const auto endpoint = static_cast<std::uint32_t>(number(step.at("rid")));
        const std::uint64_t address = number(step.at("addr"));
        const bool write = step.at("write").get<bool>();
        const Step step_done = bench_.access(endpoint, address, write);
        const auto event = bench_.take_event();
        if (quirk.find("I-STATE") != std::string::npos || quirk.find("I-ALIGN") != std::string::npos) {
            ++left_out;
            return;
        }
        ++checked;
        if (result.contains("pa")) {
            if (step_done.kind != StepKind::done || step_done.result.pa.value != number(result.at("pa")))
                differ(fmt::format("{:#x}, recorded {}", step_done.result.pa.value, result.dump()));
            return;
        }
        if (step_done.kind == StepKind::done) return differ("passes; recorded: " + result.dump());
        if (!result.contains("fault")) return;
        const json& events = result.at("fault").at("events");
        std::string recorded = events.at(0).get<std::string>();
        if (!event) return differ("no event; recorded " + recorded);
        std::string ours = hex_of(*event);
        if (quirk.find("I-EVENT-FLAGS") != std::string::npos) {  // READ or WRITE is missing there
            recorded.replace(8, 2, "..");
            ours.replace(8, 2, "..");
        }
        // It forgets an endpoint that was never attached, and gives no reason.
        if (ours[1] == '1' && recorded[1] == '0') ours[1] = '0';
        if (ours != recorded) differ(fmt::format("event {}, recorded {}", ours, recorded));
    }

    Bench bench_;
    std::string name_;
    std::string quirk_;
    int index_ = -1;
    bool state_differs_ = false;
};

TEST_CASE("virtio-iommu: every recorded request and access of another implementation", "[iommu][virtio][vectors]") {
    if (tests::skip_without("vectors")) return;
    const auto files = tests::vector_files("virtio");
    tests::went_over(files.size(), "recording of the family virtio");
    for (const auto& path : files) {
        const json file = tests::read_vectors(path);
        unsigned checked = 0, left_out = 0;
        std::vector<std::string> differences;
        for (const json& one : file.at("cases")) {
            const Replay replay(file, one);
            differences.insert(differences.end(), replay.differences.begin(), replay.differences.end());
            checked += replay.checked;
            left_out += replay.left_out;
        }
        std::string said;
        for (std::size_t i = 0; i < differences.size() && i < 40; ++i) said += differences[i] + "\n";
        INFO(path.filename().string() << ": " << checked << " checked, " << left_out << " left out\n" << said);
        CHECK(differences.empty());
        CHECK(checked > 0);
        CHECK(left_out * 10 < checked);
    }
}

}  // namespace
}  // namespace xlate::iommu::virtio
