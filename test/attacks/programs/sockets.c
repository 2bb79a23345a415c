// Opens sockets of families that speak past the network namespace, tell of the whole host, or load a module of the
// kernel.
#include <sys/socket.h>

#include "report.h"

int main(void) {
    tried("AF_PACKET", socket(AF_PACKET, SOCK_RAW, 0));
    tried("AF_VSOCK", socket(AF_VSOCK, SOCK_STREAM, 0));
    tried("AF_ALG", socket(AF_ALG, SOCK_SEQPACKET, 0));
    tried("AF_RDS", socket(AF_RDS, SOCK_SEQPACKET, 0));
    tried("AF_TIPC", socket(AF_TIPC, SOCK_STREAM, 0));
    tried("AF_BLUETOOTH", socket(AF_BLUETOOTH, SOCK_RAW, 0));
    tried("raw IPv4", socket(AF_INET, SOCK_RAW, 255));
    int pair[2];
    tried("pair of AF_TIPC", socketpair(AF_TIPC, SOCK_STREAM, 0, pair));
    tried("pair of AF_INET", socketpair(AF_INET, SOCK_STREAM, 0, pair));
    tried("uevents", socket(AF_NETLINK, SOCK_RAW, 15));
    // The kernel reads 32 bits of an argument, a filter compares 64.
    tried("uevents, past the filter", syscall(SYS_socket, AF_NETLINK, SOCK_RAW, (1L << 32) + 15));
    tried("SCSI transport", socket(AF_NETLINK, SOCK_RAW, 18));
    return 0;
}
