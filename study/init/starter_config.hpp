// The parts of a starter config that every board has, whoever tells of it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/description.hpp"
#include "study/init/starter_function.hpp"

namespace xlate::study {

/// A config in the making, from its first line to `soc:` and on; what else tells of the board adds lines of `soc:`.
class StarterConfig {
public:
    /// Writes head, firmware and what its IOMMUs could be given, as comments. `firmware_paths`: as they shall stand in
    /// the config; one device tree, or ACPI tables if the description comes from those. `remarks`: lines of the head,
    /// without "# ". Both the description and the paths outlive this.
    StarterConfig(const firmware::Description& description, const std::vector<std::string>& firmware_paths,
                  const std::vector<std::string>& remarks);

    void line(std::string_view text) { (out_ += text) += '\n'; }
    /// `soc.pci`: what is plugged into the board's host bridges.
    void functions(const std::vector<StarterFunction>& list);
    /// How to say it, as a comment, where nothing tells of functions.
    void no_functions();
    /// The whole text, with `kernel` (starter_kernel.hpp) and what comes last.
    std::string finish(std::string_view kernel);

private:
    void firmware();
    void iommus();
    void function(const StarterFunction& function, const std::string& slot, std::size_t indent);
    std::optional<unsigned> domain_of(const StarterFunction& function) const;

    const firmware::Description& in_;
    const std::vector<std::string>& paths_;
    std::string out_;
};

/// The config of a board of which nothing but its firmware tells: PCI functions are a comment.
std::string board_config(const firmware::Description& description, const std::vector<std::string>& firmware_paths);

}  // namespace xlate::study
