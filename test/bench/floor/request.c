// A client of the socket that costs next to nothing: sends one request over and over, each after the answer to the one
// before, on a connection for each thread.
//
// floor-request SOCKET METHOD PATH [JSON-BODY]
// Orders come on standard input: "COUNT THREADS".
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "floor.h"

static const char *socket_path;
static char *request;
static size_t request_bytes;

struct connection {
    int fd;
    char buffer[1 << 20];
};

static void *connect_socket(void) {
    struct connection *connection = malloc(sizeof *connection);
    if (connection == NULL) die("malloc");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    connection->fd = (int)must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    must(connect(connection->fd, (struct sockaddr *)&address, sizeof address), socket_path);
    return connection;
}

// Gives how long the answer is, head and body, or 0 before its head is there.
static size_t answer_bytes(const char *text) {
    const char *end = strstr(text, "\r\n\r\n");
    if (end == NULL) return 0;
    const char *length = strcasestr(text, "content-length:");
    return (size_t)(end - text) + 4 + (length != NULL && length < end ? strtoul(length + 15, NULL, 10) : 0);
}

static void send_one(void *state) {
    struct connection *connection = state;
    char *text = connection->buffer;
    must(send(connection->fd, request, request_bytes, MSG_NOSIGNAL), "send");
    for (size_t have = 0, whole = 0; whole == 0 || have < whole;) {
        ssize_t n = must(read(connection->fd, text + have, sizeof connection->buffer - 1 - have), "read");
        if (n == 0) die("the answer ends too soon");
        have += (size_t)n;
        text[have] = 0;
        if (whole == 0) whole = answer_bytes(text);
    }
    if (text[9] != '2') {
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
}

static void hang_up(void *state) {
    struct connection *connection = state;
    close(connection->fd);
    free(connection);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    socket_path = argv[1];
    const char *body = argc > 4 ? argv[4] : "";
    size_t room = strlen(argv[3]) + strlen(body) + 256;
    request = malloc(room);
    if (request == NULL) die("malloc");
    const char *type = *body != 0 ? "Content-Type: application/json\r\n" : "";
    request_bytes = (size_t)snprintf(request, room, "%s %s HTTP/1.1\r\nHost: niwa\r\n%sContent-Length: %zu\r\n\r\n%s",
                                     argv[2], argv[3], type, strlen(body), body);
    serve_orders(connect_socket, send_one, hang_up);
}
