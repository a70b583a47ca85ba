#include "tests/fuzz/targets.hpp"
#include "tests/places.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "explore/search/schedule.hpp"
#include "firmware/acpi/describe.hpp"
#include "firmware/description.hpp"
#include "study/config/config.hpp"
#include "study/config/explore_config.hpp"
#include "study/decode/decode.hpp"
#include "study/init/machine/machine_config.hpp"
#include "study/inspect/inspect.hpp"
#include "study/results/expect.hpp"
#include "study/results/report/report.hpp"
#include "study/sweep/study.hpp"

namespace xlate::tests {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Bad input is what a target is for; everything else goes up.
template <typename Call>
void guarded(Call call) {
    try {
        call();
    } catch (const InputError&) {
    }
}

std::vector<std::string> files_of(const fs::path& directory, const std::string& extension) {
    std::vector<std::string> all;
    std::error_code ignored;
    std::vector<fs::path> paths;
    for (const fs::directory_entry& entry : fs::directory_iterator(directory, ignored)) {
        if (entry.path().extension() == extension) paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const fs::path& path : paths) {
        std::ifstream stream(path, std::ios::binary);
        all.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    }
    return all;
}

std::vector<std::uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

const fs::path kConfigs = fs::path(source_dir()) / "configs";
const fs::path kBoards = fs::path(binary_dir()) / "boards";

void run_config(const std::string& bytes) {
    guarded([&] {
        study::Config config = study::parse_config(bytes, "fuzz.yaml");
        study::list_parameters(config);
        study::resolved_yaml(config);
    });
}
void run_study(const std::string& bytes) {
    guarded([&] { study::parse_study(bytes, "fuzz.yaml"); });
}
void run_scenario(const std::string& bytes) {
    guarded([&] { study::parse_explore_config(bytes, "fuzz.yaml"); });
}
void run_expression(const std::string& bytes) {
    static const Json kResult = {
        {"faults", Json::array()},
        {"masters", {{{"device", "0000:00:01.0"}, {"reads", 3}, {"latency_ns", {{"p99", 1.5}}}}}},
        {"kernel", {{"oops", Json::array()}}}};
    guarded([&] { study::Expectation::parse(bytes, {"fuzz", {}, {}, {}}, "expect[0]").evaluate(kResult); });
}
void run_token(const std::string& bytes) {
    guarded([&] { explore::parse_token(bytes); });
}
void run_result(const std::string& bytes) {
    const Json json = Json::parse(bytes, nullptr, false);
    if (json.is_discarded() || !json.is_object()) return;
    try {
        study::run_report(json, json.value("series", Json()), "");
    } catch (const nlohmann::json::exception&) {  // what write_report calls incomplete
    }
}
void run_decode(const std::string& bytes) {
    guarded([&] {
        const auto records = study::find_records(bytes, "fuzz", nullptr);
        study::decode_text(records);
        study::decode_json(records).dump(-1, ' ', false, Json::error_handler_t::replace);
    });
    const auto can_be_read = [](const std::optional<study::KernelLog>& log,
                                const std::optional<study::PciListing>& listing) {
        firmware::Description board;
        board.nodes.emplace_back();
        board.nodes[0].path = "/";
        study::parse_config(study::machine_config(board, {"b.dtb"}, log, listing), "made.yaml");
    };
    std::optional<study::KernelLog> log;
    guarded([&] { log = study::read_kernel_log(bytes, "fuzz"); });
    if (log) can_be_read(log, std::nullopt);
    std::optional<study::PciListing> listing;
    guarded([&] { listing = study::read_lspci(bytes, "fuzz"); });
    if (listing) can_be_read(std::nullopt, listing);
}
void run_device_tree(const std::string& bytes) {
    guarded([&] { study::inspect_json(firmware::read_device_tree(bytes_of(bytes), "fuzz.dtb")); });
}
/// One table by itself, as a file of this signature: bytes with another first word or length get these mended, so that
/// what is tried is the table's own reader and not the header's.
void run_table(std::string_view signature, const std::string& bytes) {
    constexpr std::size_t kHeader = 36;
    std::vector<std::uint8_t> table = bytes_of(bytes);
    table.resize(std::max(table.size(), kHeader));
    std::copy(signature.begin(), signature.end(), table.begin());
    for (unsigned i = 0; i < 4; ++i) table[4 + i] = static_cast<std::uint8_t>(table.size() >> (8 * i));
    guarded([&] { study::inspect_json(firmware::acpi::read_acpi({{"fuzz.dat", table}})); });
}
void run_iort(const std::string& bytes) { run_table("IORT", bytes); }
void run_viot(const std::string& bytes) { run_table("VIOT", bytes); }
void run_dmar(const std::string& bytes) { run_table("DMAR", bytes); }
void run_ivrs(const std::string& bytes) { run_table("IVRS", bytes); }
void run_rimt(const std::string& bytes) { run_table("RIMT", bytes); }
void run_mcfg(const std::string& bytes) { run_table("MCFG", bytes); }
void run_madt(const std::string& bytes) { run_table("APIC", bytes); }
void run_dsdt(const std::string& bytes) { run_table("DSDT", bytes); }

/// As acpi, but the header has to be right: one file.
void run_acpi(const std::string& bytes) {
    guarded([&] { study::inspect_json(firmware::acpi::read_acpi({{"fuzz.dat", bytes_of(bytes)}})); });
}

std::vector<std::string> config_seeds() { return files_of(kConfigs, ".yaml"); }
std::vector<std::string> study_seeds() { return files_of(kConfigs / "studies", ".yaml"); }
std::vector<std::string> scenario_seeds() { return files_of(kConfigs / "explore", ".yaml"); }
std::vector<std::string> expression_seeds() {
    return {"kernel.oops == 0", "masters[\"0000:00:01.0\"].latency_ns.p99 < 900 and not faults > 0",
            "count(faults) + 1 * (2 - -3) / 4.5 >= 0x10", "'a' in masters or null == false"};
}
std::vector<std::string> token_seeds() { return {"cover-letter~base/0.1.2x3.0", "cover-letter~dev0.2/1x4.2.0", "a/b"}; }
std::vector<std::string> result_seeds() {
    return {
        R"({"name":"x","variant":"v","seed":1,"digest":"d","sim":{"fidelity":"exact","boot_ns":1,"end_ns":2,"outcome":"finished"},
"warnings":[],"assumptions":[],"masters":[{"device":"d","issued":1,"started":true,"reads":1,"writes":0,"faults":0,"bandwidth_bytes_per_s":1,
"latency_ns":{"mean":1,"p50":1,"p90":1,"p99":1,"p999":1,"max":1},"breakdown_ns":{"issue":1}}],"iommus":[],"groups":[],"devices":[],"faults":[],
"faults_total":0,"kernel":{"oops":[],"lockdep":[],"races":[],"warnings":[],"locks":[],"timeline":[]}})"};
}
std::vector<std::string> decode_seeds() {
    return {"0x0000001100000010\n0x0000020a00000000\n0x000000009b0cc000\n0x0000000000000000\n",
            "[ 1.0] arm-smmu-v3 x: event 0x10 received:\n[ 1.0] arm-smmu-v3 x: \t0x10\nx: \t0x0\nx: \t0x1\nx: \t0x2\n",
            "x: Unhandled context fault: fsr=0x402, iova=0x9b0cc000, fsynr=0x13, cbfrsynra=0x1a, cb=3\n",
            "x: event: F_TRANSLATION client: y sid: 0x8 ssid: 0x0 iova: 0x1 ipa: 0x0\nx: unpriv data write s1 \"z\" "
            "stag: 0x0\n",
            "80040000: 00000010 00000011 00000000 0000020a\n80040010: 9b0cc000 00000000 00000000 00000000\n",
            "[ 0.0] Linux version 6.12.74-16k (gcc)\n[ 0.0] Kernel command line: iommu.strict=0 pci=noats swiotlb=512 "
            "\\\nKernel command line: quiet\nsmp: Brought up 1 node, 4 CPUs\n"
            "pci 0000:00:01.0: [8086:7ab8] type 01 class 0x060400 PCIe Root Port\n"
            "pci 0000:01:00.0: [8086:15f3] type 00 class 0x020000\npci 0000:00:01.0: PCI bridge to [bus 01-02]\n"
            "igc 0000:01:00.0: up\n",
            "00:1c.0 PCI bridge [0604]: Intel [8086:7ab8] (rev 11) (prog-if 00 [Normal decode])\n\tBus: primary=00, "
            "secondary=02, subordinate=04\n\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n"
            "\tCapabilities: [220 v1] Access Control Services\n0000:02:00.0 0108: 144d:a80a (prog-if 02 [NVM])\n"
            "\tCapabilities: [60] Express (v2) Endpoint\n\tCapabilities: [3c0 v1] Address Translation Service (ATS)\n"
            "\tKernel driver in use: nvme\n"};
}
std::vector<std::string> device_tree_seeds() { return files_of(kBoards, ".dtb"); }
std::vector<std::string> acpi_seeds() { return files_of(kBoards, ".dat"); }
/// The tables of this signature among the boards; a bare header where none has one.
std::vector<std::string> table_seeds(std::string_view signature) {
    std::vector<std::string> all;
    for (std::string& one : acpi_seeds()) {
        if (one.compare(0, signature.size(), signature) == 0) all.push_back(std::move(one));
    }
    if (all.empty()) all.push_back(std::string(signature) + std::string(64, '\0'));
    return all;
}
std::vector<std::string> iort_seeds() { return table_seeds("IORT"); }
/// A PCI range (node 1) behind a virtio-iommu on PCI (node 3): VIOT of ACPI 6.5, 5.2.34.
std::vector<std::string> viot_seeds() {
    std::string table = "VIOT" + std::string(32, '\0') + std::string("\2\0\x30\0\0\0\0\0\0\0\0\0", 12);
    table += std::string("\3\0\x10\0\0\0\x08\0\0\0\0\0\0\0\0\0", 16);
    table += std::string("\1\0\x18\0\0\0\0\0\0\0\0\0\0\0\xff\xff\x30\0\0\0\0\0\0\0", 24);
    return {table};
}
std::vector<std::string> dmar_seeds() { return table_seeds("DMAR"); }
std::vector<std::string> ivrs_seeds() { return table_seeds("IVRS"); }
std::vector<std::string> rimt_seeds() { return table_seeds("RIMT"); }
std::vector<std::string> mcfg_seeds() { return table_seeds("MCFG"); }
std::vector<std::string> madt_seeds() { return table_seeds("APIC"); }
/// Device (PCI0) { Name (_HID, EISAID ("PNP0A08")) Name (_BBN, 0x40) } at the root.
std::vector<std::string> dsdt_seeds() {
    return {"DSDT" + std::string(32, '\0') +
            std::string("\x5b\x82\x16PCI0\x08_HID\x0c\x41\xd0\x0a\x08\x08_BBN\x0a\x40", 24)};
}

}  // namespace

const std::vector<FuzzTarget>& fuzz_targets() {
    static const std::vector<FuzzTarget> all{{"config", run_config, config_seeds},
                                             {"study", run_study, study_seeds},
                                             {"scenario", run_scenario, scenario_seeds},
                                             {"expression", run_expression, expression_seeds},
                                             {"token", run_token, token_seeds},
                                             {"result", run_result, result_seeds},
                                             {"decode", run_decode, decode_seeds},
                                             {"device_tree", run_device_tree, device_tree_seeds},
                                             {"acpi", run_acpi, acpi_seeds},
                                             {"acpi_iort", run_iort, iort_seeds},
                                             {"acpi_viot", run_viot, viot_seeds},
                                             {"acpi_dmar", run_dmar, dmar_seeds},
                                             {"acpi_ivrs", run_ivrs, ivrs_seeds},
                                             {"acpi_rimt", run_rimt, rimt_seeds},
                                             {"acpi_mcfg", run_mcfg, mcfg_seeds},
                                             {"acpi_apic", run_madt, madt_seeds},
                                             {"acpi_dsdt", run_dsdt, dsdt_seeds}};
    return all;
}

}  // namespace xlate::tests
