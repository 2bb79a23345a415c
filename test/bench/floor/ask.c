// A client of a site: each time a new connection, a request, and the first byte of the answer. Where nobody listens yet
// it tries again at once.
//
// floor-ask ADDRESS PORT
// Orders come on standard input: "COUNT THREADS".
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "floor.h"

static const char request[] = "GET / HTTP/1.1\r\nHost: site\r\n\r\n";
static struct sockaddr_in site = {.sin_family = AF_INET};

static int connected(void) {
    for (;;) {
        const int fd = (int)must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        if (connect(fd, (const struct sockaddr *)&site, sizeof site) == 0) return fd;
        if (errno != ECONNREFUSED && errno != EHOSTUNREACH && errno != ENETUNREACH) die("connect");
        close(fd);
        usleep(50);
    }
}

static void ask(void *state) {
    (void)state;
    char byte;
    const int fd = connected();
    must(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), "send");
    if (must(read(fd, &byte, 1), "read") == 0) die("no answer");
    close(fd);
}

static void stop(void *state) {
    (void)state;
}

int main(int argc, char **argv) {
    if (argc != 3 || inet_pton(AF_INET, argv[1], &site.sin_addr) != 1) return 2;
    site.sin_port = htons((uint16_t)atoi(argv[2]));
    serve_orders(NULL, ask, stop);
}
