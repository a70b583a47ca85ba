#include "soc/bus/dram_timings.hpp"

#include <algorithm>

namespace xlate::soc {

namespace {

struct Row {
    std::string_view name;
    std::uint32_t DramTimings::*field;
};
constexpr Row kRows[] = {
    {"groups", &DramTimings::groups}, {"banks", &DramTimings::banks}, {"row_bytes", &DramTimings::row_bytes},
    {"tCL", &DramTimings::CL},        {"tCWL", &DramTimings::CWL},    {"tRCD", &DramTimings::RCD},
    {"tRP", &DramTimings::RP},        {"tRAS", &DramTimings::RAS},    {"tRRD_S", &DramTimings::RRD_S},
    {"tRRD_L", &DramTimings::RRD_L},  {"tFAW", &DramTimings::FAW},    {"tCCD_S", &DramTimings::CCD_S},
    {"tCCD_L", &DramTimings::CCD_L},  {"tWR", &DramTimings::WR},      {"tWTR_S", &DramTimings::WTR_S},
    {"tWTR_L", &DramTimings::WTR_L},  {"tRTP", &DramTimings::RTP},    {"tRTW", &DramTimings::RTW},
    {"tREFI", &DramTimings::REFI},    {"tRFC", &DramTimings::RFC},
};

std::vector<DramTimings> make_presets() {
    DramTimings ddr4;
    ddr4.name = "ddr4-3200";
    ddr4.source = "JESD79-4, 8 Gb x8, 3200AA (22-22-22), 64 bits; DRAMsim3's DDR4_8Gb_x8_3200 has the same cycles";
    ddr4.clock = {625'000};

    DramTimings ddr5;
    ddr5.name = "ddr5-4800";
    ddr5.source = "JESD79-5, 16 Gb x8, 4800B (40-39-39), one channel of 32 bits; tCK as its tables round it, 0.416 ns";
    ddr5.clock = {416'000};
    ddr5.groups = 8;
    ddr5.row_bytes = 4096;
    ddr5.burst = 8;
    ddr5.CL = 40, ddr5.CWL = 38, ddr5.RCD = 39, ddr5.RP = 39, ddr5.RAS = 77;
    ddr5.RRD_S = 8, ddr5.RRD_L = 12, ddr5.FAW = 32;
    ddr5.CCD_S = 8, ddr5.CCD_L = 12;
    ddr5.WR = 72, ddr5.WTR_S = 6, ddr5.WTR_L = 24, ddr5.RTP = 18;
    ddr5.REFI = 9375, ddr5.RFC = 709;

    DramTimings lpddr5;
    lpddr5.name = "lpddr5-6400";
    lpddr5.source =
        "JESD209-5, 16 Gb, bank group mode, WCK:CK 4:1, one channel of 16 bits; estimates where vendors differ";
    lpddr5.clock = {1'250'000};
    lpddr5.row_bytes = 2048;
    lpddr5.burst_bytes = 32;
    lpddr5.burst = 2;
    lpddr5.CL = 17, lpddr5.CWL = 9, lpddr5.RCD = 15, lpddr5.RP = 15, lpddr5.RAS = 34;
    lpddr5.RRD_S = 4, lpddr5.RRD_L = 4, lpddr5.FAW = 16;
    lpddr5.CCD_S = 2, lpddr5.CCD_L = 4;
    lpddr5.WR = 28, lpddr5.WTR_S = 5, lpddr5.WTR_L = 10, lpddr5.RTP = 6;
    lpddr5.REFI = 3124, lpddr5.RFC = 224;

    DramTimings hbm2;
    hbm2.name = "hbm2-2000";
    hbm2.source = "JESD235, 8 Gb, one channel of 128 bits in legacy mode; cycles as DRAMsim3's HBM2_8Gb_x128";
    hbm2.clock = {1'000'000};
    hbm2.row_bytes = 2048;
    hbm2.burst = 2;
    hbm2.CL = 14, hbm2.CWL = 4, hbm2.RCD = 14, hbm2.RP = 14, hbm2.RAS = 34;
    hbm2.RRD_S = 4, hbm2.RRD_L = 6, hbm2.FAW = 30;
    hbm2.CCD_S = 2, hbm2.CCD_L = 2;
    hbm2.WR = 16, hbm2.WTR_S = 6, hbm2.WTR_L = 8, hbm2.RTP = 6;
    hbm2.REFI = 3900, hbm2.RFC = 260;
    return {ddr4, ddr5, lpddr5, hbm2};
}

}  // namespace

const std::vector<DramTimings>& dram_presets() {
    static const std::vector<DramTimings> presets = make_presets();
    return presets;
}

const DramTimings* find_dram(std::string_view name) {
    for (const DramTimings& preset : dram_presets()) {
        if (preset.name == name) return &preset;
    }
    return nullptr;
}

std::uint32_t* dram_timing(DramTimings& timings, std::string_view name) {
    for (const Row& row : kRows) {
        if (row.name == name) return &(timings.*row.field);
    }
    return nullptr;
}

const std::vector<std::string_view>& dram_timing_names() {
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> all;
        for (const Row& row : kRows) all.push_back(row.name);
        return all;
    }();
    return names;
}

}  // namespace xlate::soc
