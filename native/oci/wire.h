// The messages between niwa-oci and niwad over RUN_DIR/oci.sock; src/oci/messages.ts has the same, and docs/oci.md says
// what they mean. A frame is its kind, the length of its body (both 32 bits, in the byte order of the machine), the
// body, and descriptors (SCM_RIGHTS) with its first byte.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define PROTOCOL_VERSION "9"
#define MAX_FRAME_BYTES (8u << 20)
#define MAX_FRAME_FDS 32

// Those up to 9 go to niwad, the others come from it.
enum frame_kind {
    FRAME_REQUEST = 1,  // strings: "version=1", "verb=create", further "name=value"
    FRAME_BORN = 2,     // no body; the pidfd and the control socket of a first process, nothing of an exec
    FRAME_UNBORN = 3,   // the failed step (32 bits), the errno, and the signal that ended the process
    FRAME_PAUSED = 4,   // the pid (32 bits) of a first process whose program waits
    FRAME_ENDED = 5,    // how a hook has ended (enum hook_end) and its exit status or signal (32 bits each), its output
    FRAME_BIRTH = 10,   // see order.h: the flags of clone3 (64 bits), the length of the words (32 bits), the words
                        // "name=value" as in a request, then the program; niwa-boot, the directory of the group, and
                        // those of the words `place`; with an exec a pidfd of the first process
    FRAME_DONE = 11,    // the text for the standard output; of a container that was made its id in niwad
    FRAME_ERROR = 12,   // the text of the error
    FRAME_WARNING = 13, // a text for the log; the answer follows
    FRAME_HOOK = 14,    // a program to run, see hook.h; the answer follows when it has ended
    FRAME_GO = 15,      // lets the process go on that pauses
    FRAME_CRIU = 16,    // what CRIU is to do: texts as a request, see criu.c
};

struct frame {
    uint32_t kind;
    uint32_t length;
    char *body; // with a NUL behind it
    int fds[MAX_FRAME_FDS];
    size_t fd_count;
};

// A text of bytes that grows.
struct buffer {
    char *bytes;
    size_t length, room;
};

// Appends bytes. Ends the program where there is no memory.
void buffer_add(struct buffer *buffer, const void *bytes, size_t length);

// Begins a request with its version and its verb.
struct buffer request_for(const char *verb);

// Adds "name=value" to a request. request_file() takes the text of a file as its value, request_rest() what is left of
// an open one, whose name is for errors. Ends the program where it cannot be read.
void request_add(struct buffer *request, const char *name, const char *value);
void request_file(struct buffer *request, const char *name, const char *path);
void request_rest(struct buffer *request, const char *name, int fd, const char *path);

// Bytes without a NUL behind them.
struct text {
    const char *bytes;
    size_t length;
};

// Ends the program where a frame says what this version does not know.
_Noreturn void fail_by_version(void);

// Takes the first bytes of what is left of a frame. Ends the program where there are fewer.
const char *take_bytes(struct text *rest, size_t length);

// Takes a length (32 bits), and as many bytes. Ends the program where there are fewer.
struct text take_text(struct text *rest);

// How many bytes the path of a Unix socket has at most, see unix(7).
#define MAX_SOCKET_PATH 107

// How long the socket of others may have no room for what this program sends them: a terminal, a pidfd, a listener.
#define RECEIVER_MS 10000

// Connects to a Unix socket. Gives a descriptor or a negative errno: -ETIMEDOUT where the listener does not take the
// connection in time. A negative time is any time.
int connect_to(const char *path, size_t length, int timeout_ms);

// Connects to niwad. Ends the program where nobody listens, with what to do.
int connect_niwad(const char *path);

// Sends a frame with descriptors. Ends the program where niwad has gone.
void send_frame(int niwad, enum frame_kind kind, const struct buffer *body, const int *fds, size_t fd_count);

// Receives the next frame after warnings, which go to the log. The caller frees its body and owns its descriptors. Ends
// the program with the error where it is FRAME_ERROR, or niwad has gone.
struct frame receive_frame(int niwad);

// Sends bytes over a connected Unix socket, descriptors with the first one. Gives 0 or a negative errno: -ETIMEDOUT
// where the peer does not take them in time. send_whole() waits any time.
int send_within(int socket, const void *bytes, size_t length, const int *fds, size_t fd_count, int timeout_ms);
int send_whole(int socket, const void *bytes, size_t length, const int *fds, size_t fd_count);
