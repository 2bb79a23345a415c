// What niwad and the keeper say to each other over a Unix socket of whole messages (SOCK_SEQPACKET).
#pragma once
#include <cstdint>

#include "fd.h"
#include "life.h"

// Changes with the layout of Life and Wire: a keeper may be older than the niwad that finds it.
constexpr uint32_t kProtocolVersion = 2;

enum class Word : uint32_t {
    kPut = 1, // niwad: this is the life of a container now; with its descriptors where the keeper does not know it yet
    kDrop,    // niwad: forget the container life.id
    kList,    // niwad: say all that you keep
    kKept,    // keeper: one container, with its pidfd, its terminal and, until it is started, its control socket
    kEnd,     // keeper: that was all
    kAsk,     // niwad: are you there? The answer is kEnd
    kHold,    // both: the socket on which the API listens, as `control`, none to hold none; the keeper says it first
};

struct Message {
    Word word = Word::kEnd;
    Life life;
    Fd pidfd, group, control, terminal; // passed along where they are open
};

// Sends a message. Gives 0 or a negative errno.
int send_message(int socket, Word word, const Life &life, int pidfd = -1, int group = -1, int control = -1,
                 int terminal = -1);

// Waits for a message. Gives 0 or a negative errno, -EPIPE where the other side has gone, -EPROTO where it speaks
// another version.
int receive_message(int socket, Message *message);
