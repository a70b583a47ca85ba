// The SoC as a drawing: masters on the left, the IOMMUs that stand before them, the interconnect, memory on the right;
// how busy each is, as a colour and in words.
#pragma once

#include <string>
#include <vector>

#include "study/results/report/figure.hpp"

namespace xlate::study {

struct SocDrawing {
    std::string title;
    std::string description;
    struct Part {
        std::string name;
        std::string says;     ///< below its name: "11.7 GB/s"
        double load = -1;     ///< 0 to 1; less: not known
        std::string load_is;  ///< what the load is a share of
    };
    struct Master : Part {
        std::size_t iommu = kNone;  ///< index into iommus
    };
    static constexpr std::size_t kNone = ~std::size_t{0};
    std::vector<Master> masters;  ///< in the order in which they are drawn
    std::vector<Part> iommus;
    Part interconnect;
    std::vector<Part> memories;
    std::vector<Part> cpus;
};
std::string chart_html(const SocDrawing& soc, std::size_t number);

}  // namespace xlate::study
