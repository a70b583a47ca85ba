#include "study/run/traffic_end.hpp"

#include <utility>

namespace xlate::study {

void TrafficEnd::watch(const TrafficConfig& traffic, std::shared_ptr<bool> enough) {
    if (traffic.time.fs == 0 && !traffic.until_settled) return;
    Master& master = masters_[traffic.device];
    master.time = traffic.time;
    master.until_settled = traffic.until_settled;
    master.enough = std::move(enough);
}

const char* TrafficEnd::ended_by(const std::string& device) const {
    const auto found = masters_.find(device);
    return found == masters_.end() ? nullptr : found->second.ended_by;
}

void TrafficEnd::end(const std::string& device, Master& master, const char* why) {
    master.ended_by = why;
    if (master.enough != nullptr) {
        *master.enough = true;
    } else {
        soc_.stop_master(device);
    }
}

void TrafficEnd::issued(std::string_view device, std::uint64_t number, SimTime at) {
    const auto found = masters_.find(device);
    if (found != masters_.end() && number == 0) found->second.first = at;
    ForwardingTrace::issued(device, number, at);
}

void TrafficEnd::transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write,
                             SimTime start, SimTime end_time, bool fault) {
    ForwardingTrace::transaction(device, number, iova, write, start, end_time, fault);
    const auto found = masters_.find(device);
    if (found == masters_.end() || found->second.ended_by != nullptr) return;
    Master& master = found->second;
    if (master.time.fs != 0 && soc_.now() >= master.first + master.time) {
        end(found->first, master, "time");
        return;
    }
    if (!master.until_settled || ++master.ended < master.next_look) return;
    master.next_look += master.next_look / 2;
    if (steady_.steadiness(found->first).settled.value_or(false)) end(found->first, master, "settled");
}

}  // namespace xlate::study
