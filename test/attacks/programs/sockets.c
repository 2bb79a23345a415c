// Opens sockets of families that speak past the network namespace, or load a module of the kernel.
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
    return 0;
}
