// Runs the built `xlate` and keeps what it said.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <catch2/catch.hpp>

#include "tests/places.hpp"

namespace xlate::tests {

/// A directory of its own, gone at the end.
class Scratch {
public:
    Scratch() {
        std::string name = (std::filesystem::temp_directory_path() / "xlate-test-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    std::string file(const std::string& name, const std::string& content) const {
        std::ofstream(path_ / name, std::ios::binary) << content;
        return (path_ / name).string();
    }
    std::string path(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

inline std::string read_text(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

struct Said {
    int status = -1;
    std::string out;
    std::string err;
};

inline std::string quoted(const std::string& argument) {
    std::string text = "'";
    for (const char c : argument) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

/// `arguments` as a shell would take them; run in `scratch`, so that default outputs land there. `through`: a command
/// that runs it ("timeout 2").
inline Said run_xlate(const Scratch& scratch, const std::string& arguments, const std::string& through = "") {
    const std::string out = scratch.path("stdout.txt");
    const std::string err = scratch.path("stderr.txt");
    const std::string command = "cd " + quoted(scratch.path("")) + " && " + through + " " +
                                quoted(std::string(binary_dir()) + "/xlate") + " " + arguments + " >" + quoted(out) +
                                " 2>" + quoted(err);
    const int status = std::system(command.c_str());
    Said said;
    said.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    said.out = read_text(out);
    said.err = read_text(err);
    return said;
}

inline std::string board(const std::string& name) { return std::string(binary_dir()) + "/boards/" + name + ".dtb"; }

}  // namespace xlate::tests
