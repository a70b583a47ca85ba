#include "soc/bus/joints.hpp"

#include "soc/modules/protocol_checker.hpp"

namespace xlate::soc {

struct Joints::Checkers {
    std::vector<std::unique_ptr<ProtocolChecker<>>> all;
};

Joints::Joints(bool checked) : checkers_(checked ? std::make_unique<Checkers>() : nullptr) {}

Joints::~Joints() = default;

void Joints::join(InitiatorPort& from, TargetPort& to) {
    if (checkers_ == nullptr) {
        from.socket.bind(to.socket);
        return;
    }
    const std::string name = systemc_name(std::string("behind_") + from.socket.name());
    checkers_->all.push_back(std::make_unique<ProtocolChecker<>>(name.c_str()));
    from.socket.bind(checkers_->all.back()->target);
    checkers_->all.back()->initiator.bind(to.socket);
}

std::optional<ProtocolStats> Joints::stats() const {
    if (checkers_ == nullptr) return std::nullopt;
    ProtocolStats stats;
    stats.joints = checkers_->all.size();
    for (const auto& checker : checkers_->all) {
        stats.accesses += checker->blocking() + checker->nonblocking();
        stats.open += checker->open();
        stats.violations += checker->violated();
        for (const std::string& one : checker->violations()) {
            if (stats.first.size() < ProtocolStats::kFirst) stats.first.push_back(one);
        }
    }
    return stats;
}

}  // namespace xlate::soc
