// A site: answers every request on port 80 with the same page, on connections that it keeps, as fast as one thread can.
#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "floor.h"

#define MOST_EVENTS 64

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n";

static void end(int number) {
    (void)number;
    _exit(0);
}

static void watch(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static void serve(int fd) {
    char request[4096];
    if (read(fd, request, sizeof request) <= 0 || write(fd, answer, sizeof answer - 1) < 0) close(fd);
}

int main(void) {
    signal(SIGTERM, end);
    signal(SIGPIPE, SIG_IGN);
    const int listener = (int)must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
    must(bind(listener, (const struct sockaddr *)&address, sizeof address), "bind");
    must(listen(listener, 1024), "listen");
    const int epoll = (int)must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    watch(epoll, listener);
    for (;;) {
        struct epoll_event events[MOST_EVENTS];
        const int count = epoll_wait(epoll, events, MOST_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd != listener)
                serve(events[i].data.fd);
            else {
                const int fd = accept(listener, NULL, NULL);
                if (fd >= 0) watch(epoll, fd);
            }
        }
    }
}
