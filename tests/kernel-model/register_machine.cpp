#include "tests/kernel-model/register_machine.hpp"

#include <fstream>
#include <iterator>
#include <regex>

namespace xlate::kernel::tests {

void RegisterMachine::preset(const std::filesystem::path& folder) {
    std::ifstream file(folder / "qemu-command.txt");
    const std::string command((std::istreambuf_iterator<char>(file)), {});
    const std::regex device("loader,([^ \n]+)");
    for (std::sregex_iterator at(command.begin(), command.end(), device), end; at != end; ++at) {
        const std::string options = (*at)[1];
        const auto value = [&](const std::string& key) -> std::string {
            std::smatch found;
            return std::regex_search(options, found, std::regex("(?:^|,)" + key + "=([^,]+)")) ? found[1].str()
                                                                                               : std::string{};
        };
        const std::uint64_t address = std::stoull(value("addr"), nullptr, 0);
        if (!value("data").empty()) {
            const auto bytes =
                static_cast<unsigned>(value("data-len").empty() ? 8 : std::stoul(value("data-len"), nullptr, 0));
            set_word(address, std::stoull(value("data"), nullptr, 0), bytes);
            continue;
        }
        std::ifstream image(folder / value("file"), std::ios::binary);
        if (!image) missing_files.push_back(value("file"));
        std::uint64_t to = address;
        for (std::istreambuf_iterator<char> byte(image), none; byte != none; ++byte) {
            memory[to++] = static_cast<std::uint8_t>(*byte);
        }
    }
}

}  // namespace xlate::kernel::tests
