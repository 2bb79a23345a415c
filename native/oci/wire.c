#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "early.h"
#include "log.h"

struct head {
    uint32_t kind;
    uint32_t length;
};

struct early early = {.niwad = -1};

union rights {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(MAX_FRAME_FDS * sizeof(int))];
};

void buffer_add(struct buffer *buffer, const void *bytes, size_t length) {
    if (buffer->room - buffer->length < length) {
        size_t room = 2 * (buffer->length + length) + 4096;
        char *grown = realloc(buffer->bytes, room);
        if (grown == NULL) fail("there is no memory for a request of %zu bytes", room);
        buffer->bytes = grown;
        buffer->room = room;
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

static void add_text(struct buffer *request, const char *name, const char *value, size_t length) {
    uint32_t whole = (uint32_t)(strlen(name) + 1 + length);
    buffer_add(request, &whole, sizeof whole);
    buffer_add(request, name, strlen(name));
    buffer_add(request, "=", 1);
    buffer_add(request, value, length);
}

struct buffer request_for(const char *verb) {
    struct buffer request = {0};
    request_add(&request, "version", PROTOCOL_VERSION);
    request_add(&request, "verb", verb);
    return request;
}

void request_add(struct buffer *request, const char *name, const char *value) {
    add_text(request, name, value, strlen(value));
}

void request_file(struct buffer *request, const char *name, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail("open %s: %s", path, reason(errno));
    request_rest(request, name, fd, path);
    close(fd);
}

void request_rest(struct buffer *request, const char *name, int fd, const char *path) {
    struct buffer text = {0};
    char piece[65536];
    ssize_t n;
    while ((n = read(fd, piece, sizeof piece)) > 0 && text.length <= MAX_FRAME_BYTES)
        buffer_add(&text, piece, (size_t)n);
    if (n < 0) fail("read %s: %s", path, reason(errno));
    if (text.length > MAX_FRAME_BYTES / 2) fail("%s is longer than %u bytes", path, MAX_FRAME_BYTES / 2);
    add_text(request, name, text.bytes == NULL ? "" : text.bytes, text.length);
    free(text.bytes);
}

void fail_by_version(void) {
    fail("niwad has another version than niwa-oci: install both of one version, and restart niwad (systemctl restart "
         "niwad)");
}

const char *take_bytes(struct text *rest, size_t length) {
    if (rest->length < length) fail_by_version();
    const char *bytes = rest->bytes;
    rest->bytes += length;
    rest->length -= length;
    return bytes;
}

struct text take_text(struct text *rest) {
    uint32_t length;
    memcpy(&length, take_bytes(rest, sizeof length), sizeof length);
    return (struct text){take_bytes(rest, length), length};
}

int connect_to(const char *path, size_t length, int timeout_ms) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (length > MAX_SOCKET_PATH) return -ENAMETOOLONG;
    memcpy(address.sun_path, path, length);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    // with this option connect(2) waits no longer for room in the queue of the listener, see socket(7)
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    if (timeout_ms < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0)
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    int error = errno == EAGAIN ? -ETIMEDOUT : -errno;
    close(fd);
    return error;
}

// Not "no such file or directory": engines take that for a missing program of the container, and end with 127.
static const char *obstacle(int error) {
    if (error == ENOENT) return "there is no such socket";
    if (error == ECONNREFUSED) return "nobody listens there";
    return reason(error);
}

int connect_niwad(const char *path) {
    int niwad = early.niwad < 0 ? connect_to(path, strlen(path), -1) : early.niwad;
    early.niwad = -1;
    if (niwad >= 0) return niwad;
    if (niwad == -EACCES) fail("cannot reach niwad on %s: only root may use it", path);
    fail("cannot reach niwad on %s: %s; start it (systemctl start niwad), or name its socket with --niwad or "
         "NIWA_OCI_SOCKET",
         path, obstacle(-niwad));
}

static struct msghdr message_of(struct iovec *part, union rights *rights, const int *fds, size_t count) {
    struct msghdr message = {.msg_iov = part, .msg_iovlen = 1};
    if (count == 0) return message;
    message.msg_control = rights->bytes;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *right = CMSG_FIRSTHDR(&message);
    right->cmsg_level = SOL_SOCKET;
    right->cmsg_type = SCM_RIGHTS;
    right->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(right), fds, count * sizeof(int));
    return message;
}

// Waits for room. Gives 0, or -ETIMEDOUT when the deadline is over; a negative one never is.
static int await_room(int socket, long deadline) {
    long left = deadline < 0 ? -1 : deadline - now_ms();
    if (deadline >= 0 && left <= 0) return -ETIMEDOUT;
    struct pollfd room = {.fd = socket, .events = POLLOUT};
    poll(&room, 1, (int)left);
    return 0;
}

int send_within(int socket, const void *bytes, size_t length, const int *fds, size_t fd_count, int timeout_ms) {
    union rights rights = {0};
    long deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
    int error = 0;
    for (size_t sent = 0; sent < length && error == 0;) {
        struct iovec part = {(char *)(uintptr_t)bytes + sent, length - sent};
        struct msghdr message = message_of(&part, &rights, fds, sent == 0 ? fd_count : 0);
        ssize_t n = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) sent += (size_t)n;
        if (n < 0 && errno == EAGAIN)
            error = await_room(socket, deadline);
        else if (n < 0 && errno != EINTR)
            error = -errno;
    }
    return error;
}

int send_whole(int socket, const void *bytes, size_t length, const int *fds, size_t fd_count) {
    return send_within(socket, bytes, length, fds, fd_count, -1);
}

// Takes a request for sent that early.c has sent.
static void confirm_early(const struct buffer *body) {
    bool is_same = body->length == early.asked_bytes && memcmp(body->bytes, early.asked, body->length) == 0;
    early.asked = NULL;
    if (!is_same) fail("the config or the groups of niwa-oci have changed while it asked niwad: try it again");
}

void send_frame(int niwad, enum frame_kind kind, const struct buffer *body, const int *fds, size_t fd_count) {
    if (early.asked != NULL) return confirm_early(body);
    size_t length = body == NULL ? 0 : body->length;
    struct head head = {kind, (uint32_t)length};
    struct buffer frame = {0};
    buffer_add(&frame, &head, sizeof head);
    if (length > 0) buffer_add(&frame, body->bytes, length);
    int error = send_whole(niwad, frame.bytes, frame.length, fds, fd_count);
    if (error < 0) fail("niwad has gone: %s", reason(-error));
    free(frame.bytes);
}

static void take_descriptors(struct msghdr *message, struct frame *frame) {
    for (struct cmsghdr *right = CMSG_FIRSTHDR(message); right != NULL; right = CMSG_NXTHDR(message, right)) {
        if (right->cmsg_level != SOL_SOCKET || right->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (right->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && frame->fd_count < MAX_FRAME_FDS; i++)
            memcpy(&frame->fds[frame->fd_count++], CMSG_DATA(right) + i * sizeof(int), sizeof(int));
    }
}

static void receive_exactly(int niwad, void *bytes, size_t length, struct frame *frame) {
    for (size_t done = 0; done < length;) {
        union rights rights;
        struct iovec part = {(char *)bytes + done, length - done};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = rights.bytes, .msg_controllen = sizeof rights.bytes};
        ssize_t n = recvmsg(niwad, &message, MSG_CMSG_CLOEXEC);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) fail("niwad has ended before it answered");
        take_descriptors(&message, frame);
        done += (size_t)n;
    }
}

static struct frame receive_any(int niwad) {
    struct frame frame = {0};
    struct head head = {early.kind, early.length};
    if (!early.has_head) receive_exactly(niwad, &head, sizeof head, &frame);
    early.has_head = false;
    if (head.length > MAX_FRAME_BYTES) fail_by_version();
    frame.kind = head.kind;
    frame.length = head.length;
    frame.body = malloc(head.length + 1u);
    if (frame.body == NULL) fail("there is no memory for an answer of %u bytes", head.length);
    receive_exactly(niwad, frame.body, head.length, &frame);
    frame.body[head.length] = 0;
    return frame;
}

struct frame receive_frame(int niwad) {
    struct frame frame = receive_any(niwad);
    while (frame.kind == FRAME_WARNING) {
        warn(frame.body);
        free(frame.body);
        frame = receive_any(niwad);
    }
    if (frame.kind == FRAME_ERROR) fail("%s", frame.body);
    return frame;
}
