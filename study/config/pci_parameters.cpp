// PCI functions, their translation caches and their links.
#include "study/config/parameter_groups.hpp"

namespace xlate::study {
namespace {

void visit_atc(ParameterVisitor& v, soc::AtcParams& atc) {
    v.map("atc", "Address translation cache of an endpoint: with one, a driver can switch ATS on.", [&] {
        visit_shape(v, atc.shape);
        v.time("latency", "Of a look-up.", atc.latency);
        integer(v, "slots", "Look-ups at once.", atc.slots, 1, 1024);
        integer(v, "requests", "Translation requests under way at once.", atc.requests, 1, 1024);
        v.time("invalidate", "From an invalidation's arrival until its entries are gone.", atc.invalidate);
        v.boolean("pri", "Whether it asks for pages that it may not access (page requests).", atc.pri);
        integer(v, "page_requests", "Page requests under way at once.", atc.page_requests, 1, 512);
    });
}

void visit_pci_link(ParameterVisitor& v, PciLinkConfig& link) {
    if (!v.wants_all() && !link.given()) return;
    v.map("link",
          "The link below a root port or a switch's downstream port, by generation and lanes or by bandwidth; what is "
          "behind shares it. Not given: what is behind it sits at the link above.",
          [&] {
              if (v.wants_all() || link.generation != 0) {
                  integer(v, "generation", "1 to 6; 0: bandwidth says it.", link.generation, 0, 6);
                  integer(v, "lanes", "1, 2, 4, 8 or 16.", link.lanes, 1, 16);
              }
              if (v.wants_all() || link.bandwidth_bytes_per_s != 0)
                  v.bandwidth("bandwidth", "One way, in place of generation and lanes.", link.bandwidth_bytes_per_s);
              v.time("latency", "One way, the switch or root port above it included.", link.latency);
              integer(v, "posted_credits", "Writes that the port holds at once; 0: any number.", link.posted_credits, 0,
                      4096);
              integer(v, "nonposted_credits", "Reads that the port holds at once; 0: any number.",
                      link.nonposted_credits, 0, 4096);
          });
}

}  // namespace

void visit_pci(ParameterVisitor& v, PciConfig& pci) {
    v.text("slot",
           "Where it sits: bus:device.function on a root bus (\"00:05.0\"), device.function below a port; with the "
           "number of "
           "the bus where firmware has set one that is not the next (\"2d:00.0\").",
           pci.slot);
    choice(v, "kind", "What it is.", pci.kind,
           {"endpoint", "root-port", "switch-upstream", "switch-downstream", "pci-bridge", "pcie-pci-bridge",
            "host-bridge", "conventional", "pci-pcie-bridge", "event-collector"});
    v.text("driver", "Driver that binds to it; empty: found by id and class; none: stays without.", pci.driver);
    v.text("id", "Vendor and device id, \"1af4:1041\"; empty: typical for its driver.", pci.id);
    v.text("class", "Class code, \"0x020000\"; empty: typical for its kind or driver.", pci.device_class);
    choice(v, "acs", "ACS capability; usual: root ports have it, others don't.", pci.acs, {"usual", "true", "false"});
    v.boolean("hotplug", "Whether a port or bridge has hot-plug.", pci.hotplug);
    v.boolean("external_facing",
              "Whether firmware marks this port as one that anything may be plugged into (ExternalFacingPort, "
              "external-facing; Thunderbolt): Linux does not trust what is behind it. Strict translation, no ATS, and "
              "bounce buffers for what is not whole pages.",
              pci.external_facing);
    v.boolean("pasid",
              "PASID capability: of graphics and accelerators; Linux's AMD driver gives such a function an identity "
              "domain.",
              pci.pasid);
    v.texts("quirks",
            "What Linux knows of it besides: no-alias (a bridge that forwards requester ids), alias-root, alias 00.1, "
            "no-ats, "
            "isolated, not-isolated.",
            pci.quirks);
    v.text("host", "Path of its host bridge's node; empty: the first one.", pci.host);
    visit_atc(v, pci.atc);
    visit_pci_link(v, pci.link);
    list(v, "below", "What is behind this port or bridge.", "pci", pci.below, visit_pci);
}

void visit_pcie_packets(ParameterVisitor& v, SocConfig& soc) {
    soc::PcieParams& p = soc.pcie;
    if (v.wants_all() || soc.pcie_generation != 0) {
        integer(v, "generation", "1 to 6, with lanes in place of bandwidth; 0: bandwidth says it.", soc.pcie_generation,
                0, 6);
        integer(v, "lanes", "1, 2, 4, 8 or 16.", soc.pcie_lanes, 1, 16);
    }
    if (v.wants_all() || p.max_payload != 0)
        bytes(v, "max_payload", "MPS: most data of a packet; a power of two; 0: any.", p.max_payload, 0, 4096);
    if (v.wants_all() || p.max_read_request != 0)
        bytes(v, "max_read_request", "MRRS: most that a request asks for; a power of two; 0: any.", p.max_read_request,
              0, 4096);
    if (v.wants_all() || p.posted_credits != 0)
        integer(v, "posted_credits", "Writes that the root complex holds at once; 0: any number.", p.posted_credits, 0,
                4096);
    if (v.wants_all() || p.nonposted_credits != 0)
        integer(v, "nonposted_credits", "Reads that the root complex holds at once; 0: any number.",
                p.nonposted_credits, 0, 4096);
}

}  // namespace xlate::study
