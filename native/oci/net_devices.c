#include "net_devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

#define MAX_ADDRESSES 256
#define MAX_ATTRIBUTES 256
#define MOST_INDEXES 4096
#define ANSWER_BYTES 65536
#define KEPT_FLAGS (IFA_F_NODAD | IFA_F_NOPREFIXROUTE)

// A request of rtnetlink(7): its header, the header of its kind, attributes.
struct request {
    struct nlmsghdr head;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
    };
    char attributes[MAX_ATTRIBUTES];
};

static struct request request_to(uint16_t type, uint16_t flags, size_t kind_bytes) {
    return (struct request){.head = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(kind_bytes),
                                     .nlmsg_type = type,
                                     .nlmsg_flags = NLM_F_REQUEST | flags}};
}

static void add_attribute(struct request *request, unsigned short type, const void *bytes, size_t length) {
    struct rtattr *attribute = (struct rtattr *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));
    size_t whole = NLMSG_ALIGN(request->head.nlmsg_len) + RTA_SPACE(length);
    if (whole > sizeof *request) fail("an attribute of a network device is too long");
    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(length);
    memcpy(RTA_DATA(attribute), bytes, length);
    request->head.nlmsg_len = (uint32_t)whole;
}

// Sends a request, and gives the error that the kernel answers: 0 or a negative errno.
static int ask(int netlink, struct request *request) {
    union {
        struct nlmsghdr head;
        char bytes[4096];
    } answer;
    request->head.nlmsg_flags |= NLM_F_ACK;
    if (send(netlink, request, request->head.nlmsg_len, 0) < 0) return -errno;
    ssize_t n = recv(netlink, &answer, sizeof answer, 0);
    if (n < 0) return -errno;
    if (!NLMSG_OK(&answer.head, (size_t)n) || answer.head.nlmsg_type != NLMSG_ERROR) return -EPROTO;
    return ((struct nlmsgerr *)NLMSG_DATA(&answer.head))->error;
}

// Makes of an address that the kernel tells the request that adds it, for any device. Gives false for one that does not
// move: it is not permanent, or not global.
static bool keep_address(const struct nlmsghdr *told, struct request *kept) {
    const struct ifaddrmsg *address = NLMSG_DATA(told);
    uint32_t flags = address->ifa_flags;
    *kept = request_to(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *address);
    kept->address = *address;
    size_t left = IFA_PAYLOAD(told);
    for (const struct rtattr *each = IFA_RTA(address); RTA_OK(each, left); each = RTA_NEXT(each, left)) {
        if (each->rta_type == IFA_FLAGS) memcpy(&flags, RTA_DATA(each), sizeof flags);
        if (each->rta_type == IFA_LOCAL || each->rta_type == IFA_ADDRESS || each->rta_type == IFA_BROADCAST)
            add_attribute(kept, each->rta_type, RTA_DATA(each), RTA_PAYLOAD(each));
    }
    uint32_t wanted = flags & KEPT_FLAGS;
    kept->address.ifa_flags = 0;
    add_attribute(kept, IFA_FLAGS, &wanted, sizeof wanted);
    return (flags & IFA_F_PERMANENT) != 0 && address->ifa_scope == RT_SCOPE_UNIVERSE;
}

// Lists the addresses of a device, as requests that add them. Gives how many there are, or a negative errno.
static int list_addresses(int netlink, unsigned index, struct request *kept) {
    struct request list = request_to(RTM_GETADDR, NLM_F_DUMP, sizeof list.address);
    if (send(netlink, &list, list.head.nlmsg_len, 0) < 0) return -errno;
    char *answer = malloc(ANSWER_BYTES);
    int count = answer == NULL ? -ENOMEM : 0;
    for (bool more = count == 0; more;) {
        ssize_t n = recv(netlink, answer, ANSWER_BYTES, 0);
        if (n < 0) count = -errno;
        more = n > 0;
        size_t left = n > 0 ? (size_t)n : 0;
        for (const struct nlmsghdr *told = (void *)answer; NLMSG_OK(told, left); told = NLMSG_NEXT(told, left)) {
            if (told->nlmsg_type == NLMSG_DONE || told->nlmsg_type == NLMSG_ERROR) more = false;
            if (told->nlmsg_type != RTM_NEWADDR || count < 0) continue;
            const struct ifaddrmsg *address = NLMSG_DATA(told);
            if (address->ifa_index != index || !keep_address(told, &kept[count])) continue;
            if (++count == MAX_ADDRESSES) count = -E2BIG;
        }
    }
    free(answer);
    return count;
}

// Moves a device to the namespace of a process, where it gets an index that is free there: by this index it is found
// again, whatever its name is. Gives the index, or a negative errno.
static int move_device(int netlink, unsigned index, pid_t pid, const char *name) {
    for (uint32_t new_index = index; new_index < index + MOST_INDEXES; new_index++) {
        struct request move = request_to(RTM_NEWLINK, 0, sizeof move.link);
        uint32_t target = (uint32_t)pid;
        move.link.ifi_index = (int)index;
        add_attribute(&move, IFLA_NET_NS_PID, &target, sizeof target);
        add_attribute(&move, IFLA_NEW_IFINDEX, &new_index, sizeof new_index);
        if (*name != 0) add_attribute(&move, IFLA_IFNAME, name, strlen(name) + 1);
        int error = ask(netlink, &move);
        if (error != -EBUSY) return error < 0 ? error : (int)new_index;
    }
    return -EBUSY;
}

static int set_up(int netlink, int index) {
    struct request up = request_to(RTM_NEWLINK, 0, sizeof up.link);
    up.link.ifi_index = index;
    up.link.ifi_flags = up.link.ifi_change = IFF_UP;
    return ask(netlink, &up);
}

// Moves one device. Gives 0 or a negative errno.
static int move_whole(int here, int there, pid_t pid, const char *name, const char *new_name) {
    struct request *addresses = calloc(MAX_ADDRESSES, sizeof *addresses);
    unsigned index = if_nametoindex(name);
    int error = addresses == NULL ? -ENOMEM : index == 0 ? -errno : 0;
    int count = error < 0 ? error : list_addresses(here, index, addresses);
    int moved = count < 0 ? count : move_device(here, index, pid, new_name);
    error = moved < 0 ? moved : 0;
    for (int i = 0; i < count && error == 0; i++) {
        addresses[i].address.ifa_index = (uint32_t)moved;
        error = ask(there, &addresses[i]);
    }
    free(addresses);
    return error < 0 ? error : set_up(there, moved);
}

static int open_netlink(void) {
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (netlink < 0) fail("cannot make a socket for network devices: %s", reason(errno));
    return netlink;
}

// Makes a socket in the network namespace of a process: a socket stays in that in which it was made.
static int open_netlink_at(int pidfd) {
    int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0 || setns(pidfd, CLONE_NEWNET) < 0)
        fail("cannot enter the network namespace of the container: %s", reason(errno));
    int netlink = open_netlink();
    if (setns(own, CLONE_NEWNET) < 0) fail("cannot leave the network namespace of the container: %s", reason(errno));
    close(own);
    return netlink;
}

void move_devices(const struct order *order, int pidfd, pid_t pid) {
    if (order->device_count == 0) return;
    int here = open_netlink(), there = open_netlink_at(pidfd);
    for (size_t i = 0; i < order->device_count; i++) {
        char name[2 * IF_NAMESIZE];
        struct text words = order->devices[i];
        snprintf(name, sizeof name, "%.*s", (int)words.length, words.bytes);
        char *new_name = strchr(name, ':');
        if (new_name == NULL) fail_by_version();
        *new_name++ = 0;
        int error = move_whole(here, there, pid, name, new_name);
        if (error < 0) fail("linux.netDevices: cannot move the network device %s: %s", name, reason(-error));
    }
    close(here);
    close(there);
}
