#include "network.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>

#include "conntrack.h"
#include "netlink.h"
#include "network_namespace.h"
#include "network_steps.h"

namespace {

// The sockets and namespaces that the steps work with.
struct Sockets {
    NetlinkSocket outside, inside, netfilter;
    Fd inside_namespace, counters;
};

// elements(elements, add): adds or removes elements of nftables sets: all of them or none.
NetlinkAnswer change_elements(const NetworkStep &step, Sockets &sockets) {
    int error = sockets.netfilter.valid() ? 0 : sockets.netfilter.open(NETLINK_NETFILTER);
    if (error < 0) return {error, ""};
    std::vector<NetlinkMessage> messages;
    for (const SetElement &element : step.elements) messages.push_back(element_message({element, step.add}));
    return sockets.netfilter.batch(messages);
}

// forget(number): makes the kernel forget the UDP flows to a port that began before the port was published.
NetlinkAnswer forget_flows(const NetworkStep &step, Sockets &sockets) {
    int error = sockets.netfilter.valid() ? 0 : sockets.netfilter.open(NETLINK_NETFILTER);
    return error < 0 ? NetlinkAnswer{error, ""}
                     : forget_udp_flows(sockets.netfilter, static_cast<uint16_t>(step.number));
}

// count(): opens the counters of the container's interfaces, see proc_net_dev(5). As long as they are open, the kernel
// keeps the namespace with all its interfaces: the counters can be read after the last process has ended.
NetlinkAnswer open_counters(const Fd &pidfd, Sockets &sockets) {
    NetworkNamespaceGuard guard;
    int error = guard.enter(pidfd);
    if (error < 0) return {error, ""};
    sockets.counters.reset(open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC));
    return {sockets.counters.valid() ? 0 : -errno, ""};
}

// Steps that name an interface by its number. The number is looked up in the namespace of the interface.
using OnDevice = NetlinkAnswer (*)(const NetworkStep &step, int index, NetlinkSocket &netlink);

NetlinkAnswer on_device(OnDevice act, const NetworkStep &step, const Fd &pidfd, NetlinkSocket &netlink) {
    NetworkNamespaceGuard guard;
    int error = step.inside ? guard.enter(pidfd) : 0;
    int index = error < 0 ? error : index_of(step.device);
    return index < 0 ? NetlinkAnswer{index, ""} : act(step, index, netlink);
}

NetlinkAnswer run_step(const NetworkStep &step, const Fd &pidfd, Sockets &sockets) {
    NetlinkSocket &netlink = step.inside ? sockets.inside : sockets.outside;
    const std::string &operation = step.operation;
    if (operation == "veth") return make_veth(step, sockets.inside_namespace, sockets.outside);
    if (operation == "count") return open_counters(pidfd, sockets);
    if (operation == "elements") return change_elements(step, sockets);
    if (operation == "forget") return forget_flows(step, sockets);
    if (operation == "bridge") return make_bridge(step, netlink);
    if (operation == "hairpin") return let_hairpin(step, netlink);
    if (operation == "quiet") return make_quiet(step, netlink);
    if (operation == "up") return set_up(step, netlink);
    if (operation == "carrier") return await_carrier(step, netlink);
    if (operation == "delete") return delete_link(step, netlink);
    if (operation == "address") return on_device(add_address, step, pidfd, netlink);
    if (operation == "route") return on_device(add_route, step, pidfd, netlink);
    if (operation == "neighbour") return on_device(change_neighbour, step, pidfd, netlink);
    if (operation == "rate") return on_device(limit_rate, step, pidfd, netlink);
    return {-EBADMSG, ""};
}

// Opens the sockets that the steps need; those of the container only if a step needs them.
int open_sockets(const std::vector<NetworkStep> &steps, const Fd &pidfd, Sockets *sockets) {
    int error = sockets->outside.open(NETLINK_ROUTE);
    bool inside = std::any_of(steps.begin(), steps.end(), [](const NetworkStep &step) { return step.inside; });
    if (error < 0 || !inside) return error;
    NetworkNamespaceGuard guard;
    error = guard.enter(pidfd);
    if (error < 0) return error;
    sockets->inside_namespace.reset(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    return sockets->inside_namespace.valid() ? sockets->inside.open(NETLINK_ROUTE) : -errno;
}

} // namespace

NetworkFailure run_network_steps(const std::vector<NetworkStep> &steps, const Fd &pidfd, Fd *counters) {
    Sockets sockets;
    int error = open_sockets(steps, pidfd, &sockets);
    if (error < 0) return {0, -error, ""};
    for (uint32_t i = 0; i < steps.size(); i++) {
        NetlinkAnswer answer = run_step(steps[i], pidfd, sockets);
        if (answer.error < 0 && !steps[i].optional) return {i, -answer.error, answer.text};
    }
    *counters = std::move(sockets.counters);
    return {};
}
