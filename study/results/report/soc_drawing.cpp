#include "study/results/report/soc_drawing.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace xlate::study {
namespace {

constexpr double kBox = 40;
constexpr double kStep = 50;
constexpr double kMasterX = 10;
constexpr double kIommuX = 310;
constexpr double kCrossX = 600;
constexpr double kMemoryX = 760;
constexpr double kBoxWidth = 210;

/// Five colours: below 20, 40, 60, 80 per cent, and above.
std::string load_class(double load) {
    return load < 0 ? "load0" : "load" + std::to_string(std::min(4, static_cast<int>(load * 5)));
}

std::string box(const SocDrawing::Part& part, double x, double y, double width, double height) {
    const std::string load = part.load < 0 ? "" : fmt::format(", {:.0f} % {}", part.load * 100, part.load_is);
    std::string svg = fmt::format(
        "<rect class=\"box {}\" x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.0f}\" height=\"{:.0f}\" rx=\"5\">"
        "<title>{}: {}{}</title></rect>\n",
        load_class(part.load), x, y, width, height, escape_html(part.name), escape_html(part.says), escape_html(load));
    svg += svg_text(x + width / 2, y + height / 2 - 3, "middle", cut_text(part.name, 28));
    return svg + svg_text(x + width / 2, y + height / 2 + 12, "middle", part.says);
}

std::string wire(double x1, double y1, double x2, double y2) {
    const double middle = (x1 + x2) / 2;
    return fmt::format("<path class=\"wire\" d=\"M{:.0f} {:.0f} C{:.0f} {:.0f} {:.0f} {:.0f} {:.0f} {:.0f}\"/>\n", x1,
                       y1, middle, y1, middle, y2, x2, y2);
}

void add_row(HtmlTable& table, const SocDrawing::Part& part, const std::string& way) {
    table.add(
        {part.name, way, part.says, part.load < 0 ? "–" : fmt::format("{:.0f} %", part.load * 100), part.load_is});
}

}  // namespace

std::string chart_html(const SocDrawing& soc, std::size_t number) {
    // Masters of one IOMMU lie side by side, and the IOMMU in their middle.
    std::vector<std::size_t> order;
    for (std::size_t iommu = 0; iommu <= soc.iommus.size(); ++iommu) {
        const std::size_t wanted = iommu < soc.iommus.size() ? iommu : SocDrawing::kNone;
        for (std::size_t i = 0; i < soc.masters.size(); ++i) {
            if (soc.masters[i].iommu == wanted) order.push_back(i);
        }
    }
    const double top = soc.cpus.empty() ? 10 : 10 + kStep;
    double bottom = top;
    std::vector<double> iommu_y(soc.iommus.size(), 0);
    std::vector<double> master_y(soc.masters.size(), 0);
    double next_iommu = top;
    std::size_t at = 0;
    for (std::size_t iommu = 0; iommu < soc.iommus.size(); ++iommu) {
        const double first = top + kStep * static_cast<double>(at);
        std::size_t members = 0;
        for (; at < order.size() && soc.masters[order[at]].iommu == iommu; ++at, ++members)
            master_y[order[at]] = top + kStep * static_cast<double>(at);
        const double middle = first + kStep * (static_cast<double>(members) - 1) / 2;
        iommu_y[iommu] = std::max(next_iommu, members == 0 ? next_iommu : middle);
        next_iommu = iommu_y[iommu] + kStep;
    }
    for (; at < order.size(); ++at) master_y[order[at]] = top + kStep * static_cast<double>(at);
    bottom = std::max({top + kStep * static_cast<double>(order.size()), next_iommu,
                       top + kStep * static_cast<double>(soc.memories.size())});
    const double height = std::max(bottom - top - (kStep - kBox), kBox);
    std::string wires;
    std::string boxes;
    HtmlTable table(soc.title, {"part of the SoC", "behind it", "what", "load", "of"}, 2);
    for (std::size_t i = 0; i < soc.cpus.size(); ++i) {
        const double width =
            std::min(140.0, (kMemoryX + kBoxWidth - kMasterX) / static_cast<double>(soc.cpus.size()) - 8);
        const double x = kMasterX + static_cast<double>(i) * (width + 8);
        boxes += box(soc.cpus[i], x, 6, width, kBox);
        add_row(table, soc.cpus[i], "interconnect");
    }
    for (const std::size_t i : order) {
        const SocDrawing::Master& master = soc.masters[i];
        const double y = master_y[i] + kBox / 2;
        const bool translated = master.iommu != SocDrawing::kNone;
        wires += wire(kMasterX + kBoxWidth, y, translated ? kIommuX : kCrossX,
                      translated ? iommu_y[master.iommu] + kBox / 2 : y);
        boxes += box(master, kMasterX, master_y[i], kBoxWidth, kBox);
        add_row(table, master, translated ? soc.iommus[master.iommu].name : "interconnect");
    }
    for (std::size_t i = 0; i < soc.iommus.size(); ++i) {
        wires += wire(kIommuX + kBoxWidth, iommu_y[i] + kBox / 2, kCrossX, iommu_y[i] + kBox / 2);
        boxes += box(soc.iommus[i], kIommuX, iommu_y[i], kBoxWidth, kBox);
        add_row(table, soc.iommus[i], "interconnect");
    }
    boxes += box(soc.interconnect, kCrossX, top, 110, height);
    add_row(table, soc.interconnect, "memory");
    for (std::size_t i = 0; i < soc.memories.size(); ++i) {
        const double room = height / static_cast<double>(soc.memories.size());
        const double y = top + room * static_cast<double>(i) + (room - kBox) / 2;
        wires += wire(kCrossX + 110, y + kBox / 2, kMemoryX, y + kBox / 2);
        boxes += box(soc.memories[i], kMemoryX, y, kBoxWidth, kBox);
        add_row(table, soc.memories[i], "");
    }
    Figure figure;
    figure.title = soc.title;
    figure.description = soc.description;
    figure.width = kMemoryX + kBoxWidth + 10;
    figure.height = bottom + 4;
    figure.svg = wires + boxes;
    figure.wide = true;
    figure.before_table =
        "<ul class=\"legend\"><li class=\"load\">load:</li><li class=\"load\"><span class=\"load0\">below 20 "
        "%</span></li>"
        "<li class=\"load\"><span class=\"load1\">20 to 40 %</span></li><li class=\"load\"><span class=\"load2\">40 to "
        "60 %</span></li><li class=\"load\"><span class=\"load3\">60 to 80 %</span></li><li class=\"load\"><span "
        "class=\"load4\">above</span></li></ul>\n";
    figure.table = table.html();
    return figure_html(figure, number);
}

}  // namespace xlate::study
