#include "study/init/machine/lspci.hpp"

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "study/init/machine/found_functions.hpp"

namespace xlate::study {
namespace {

/// The last "[8086:15f3]" of a line, or, of `lspci -n`, the word behind the class.
std::optional<std::string> id_of(std::string_view line) {
    constexpr std::size_t kId = 9;
    const auto id_at = [&](std::size_t at) {
        return line.size() >= at + kId && line[at + 4] == ':' && hex_at(line, at, 4) && hex_at(line, at + 5, 4);
    };
    for (std::size_t at = line.rfind('['); at != std::string_view::npos; at = at == 0 ? at : line.rfind('[', at - 1)) {
        if (id_at(at + 1) && line.substr(at + 1 + kId, 1) == "]") return std::string(line.substr(at + 1, kId));
        if (at == 0) break;
    }
    const std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos && id_at(colon + 2)) return std::string(line.substr(colon + 2, kId));
    return std::nullopt;
}

/// "VGA compatible controller [0300]: ..." or, of `lspci -n`, "0300: ...", with "(prog-if 02 ...)" behind.
std::optional<std::uint32_t> class_of(std::string_view line) {
    std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos || colon < 4) return std::nullopt;
    std::string_view code = line.substr(colon - 4, 4);
    if (line[colon - 1] == ']' && colon >= 6 && line[colon - 6] == '[') code = line.substr(colon - 5, 4);
    const auto value = hex_at(code, 0, 4);
    if (!value) return std::nullopt;
    constexpr std::string_view kInterface = "(prog-if ";
    const std::size_t at = line.find(kInterface);
    const auto interface = at == std::string_view::npos ? std::nullopt : hex_at(line, at + kInterface.size(), 2);
    return *value << 8 | interface.value_or(0);
}

/// By the words behind "Express (v2) ".
std::string_view kind_of(std::string_view express) {
    struct Known {
        std::string_view words, kind;
    };
    constexpr Known kKnown[] = {{"Root Complex Event Collector", "event-collector"},
                                {"Root Complex Integrated Endpoint", "endpoint"},
                                {"Root Port", "root-port"},
                                {"Upstream Port", "switch-upstream"},
                                {"Downstream Port", "switch-downstream"},
                                {"PCI-Express to PCI/PCI-X Bridge", "pcie-pci-bridge"},
                                {"PCI/PCI-X to PCI-Express Bridge", "pci-pcie-bridge"},
                                {"Legacy Endpoint", "endpoint"},
                                {"Endpoint", "endpoint"}};
    for (const Known& one : kKnown) {
        if (express.find(one.words) != std::string_view::npos) return one.kind;
    }
    return {};
}

class ListingReader {
public:
    explicit ListingReader(std::string file) { listing_.file = std::move(file); }

    PciListing read(const std::string& text) {
        indented_ = text.find("\n\t") != std::string::npos || text.find("\n ") != std::string::npos;
        std::istringstream stream(text);
        for (std::string line; std::getline(stream, line);) take(line);
        finish();
        if (!any_) {
            throw InputError(Diagnostic{{listing_.file, {}, {}, {}},
                                        "",
                                        "no line is a PCI function with the numbers of its class and id",
                                        "what 'lspci -nnvv' prints",
                                        ""});
        }
        listing_.functions = found_.tree(listing_.file, listing_.notes);
        if (denied_)
            listing_.notes.emplace_back(
                "lspci was not run by root: capabilities are not listed, and with them kinds and ACS");
        return std::move(listing_);
    }

private:
    void take(std::string_view line) {
        while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0) line.remove_suffix(1);
        std::size_t size = 0;
        const auto place = pci_place_of(line, size);
        if (place && line.substr(size, 1) == " ") return begin(*place, line.substr(size + 1));
        if (!current_ || line.empty()) return;
        const bool detail_of_it = !indented_ || std::isspace(static_cast<unsigned char>(line.front())) != 0;
        if (!detail_of_it) return finish();
        while (std::isspace(static_cast<unsigned char>(line.front())) != 0) line.remove_prefix(1);
        detail(line);
    }
    void begin(const PciPlace& place, std::string_view line) {
        finish();
        const auto code = class_of(line);
        const auto id = id_of(line);
        if (!code || !id) return;
        any_ = true;
        place_ = place;
        current_.emplace();
        current_->id = *id;
        current_->class_code = *code;
    }
    void detail(std::string_view line) {
        const auto starts = [&](std::string_view with) { return line.substr(0, with.size()) == with; };
        const auto number = [&](std::string_view key) {
            const std::size_t at = line.find(key);
            return at == std::string_view::npos ? 0U : hex_at(line, at + key.size(), 2).value_or(0);
        };
        if (starts("Bus: primary=")) {
            current_->bridge = true;
            FoundFunctions::set_buses(place_, *current_, number("secondary="), number("subordinate="));
        } else if (starts("Kernel driver in use: ")) {
            current_->driver = line.substr(line.find(": ") + 2);
        } else if (starts("Capabilities: <access denied>")) {
            denied_ = true;
            hidden_ = true;
        } else if (starts("Capabilities: [")) {
            capabilities_ = true;
            const std::size_t end = line.find("] ");
            const std::string_view what = end == std::string_view::npos ? "" : line.substr(end + 2);
            const auto is = [&](std::string_view with) { return what.substr(0, with.size()) == with; };
            if (is("Express")) current_->kind = kind_of(what);
            if (is("Access Control Services")) current_->acs = true;
            if (is("Address Translation Service")) current_->ats = true;
            if (is("Page Request Interface")) current_->pri = true;
            if (is("Process Address Space ID")) current_->pasid = true;
        }
    }
    void finish() {
        if (current_) {
            // Capabilities that are listed are all that there are.
            const bool all = capabilities_ && !hidden_;
            if (all && !current_->acs) current_->acs = false;
            if (all && current_->kind.empty()) current_->kind = current_->bridge ? "pci-bridge" : "conventional";
            found_.add(place_, std::move(*current_));
        }
        current_.reset();
        capabilities_ = hidden_ = false;
    }

    PciListing listing_;
    FoundFunctions found_;
    PciPlace place_;
    std::optional<FoundFunction> current_;
    bool capabilities_ = false;  ///< some of the current one are listed
    bool hidden_ = false;        ///< they are not shown to who asked
    bool any_ = false, denied_ = false;
    bool indented_ = false;  ///< details are; a listing that went through a form may have lost it
};

}  // namespace

PciListing read_lspci(const std::string& text, const std::string& file) { return ListingReader(file).read(text); }

}  // namespace xlate::study
