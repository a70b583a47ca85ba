// How a module's inner edges meet the sockets that stand outside, of any bus width.
#pragma once

#include <tlm>

#include <string>

#include "soc/modules/inlet.hpp"
#include "soc/modules/outlet.hpp"
#include "soc/modules/world.hpp"

namespace xlate::soc {

template <unsigned BUSWIDTH>
using ModuleTargetSocket =
    tlm::tlm_target_socket<BUSWIDTH, tlm::tlm_base_protocol_types, 1, sc_core::SC_ZERO_OR_MORE_BOUND>;
template <unsigned BUSWIDTH>
using ModuleInitiatorSocket =
    tlm::tlm_initiator_socket<BUSWIDTH, tlm::tlm_base_protocol_types, 1, sc_core::SC_ZERO_OR_MORE_BOUND>;

/// `edge`: an Inlet before a target socket, an Outlet behind an initiator socket. The socket has to be bound at the end
/// of elaboration.
template <typename Edge, typename Socket>
void stand_outside(World& world, Edge& edge, Socket& socket) {
    socket.bind(edge);
    edge.connect(socket.get_base_port());
    world.expect([&socket] { return socket.get_base_port().get_interface() != nullptr; },
                 std::string(socket.name()) + " is not bound");
}

}  // namespace xlate::soc
