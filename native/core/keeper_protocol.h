// The messages between niwad and the keeper, over a Unix socket that keeps their bounds (SOCK_SEQPACKET).
#pragma once
#include <cstdint>

#include "fd.h"
#include "life.h"

// To be raised whenever the layout of Life or Wire changes. A newer niwad may find a keeper that an older niwad
// started, and must not misread it.
constexpr uint32_t kProtocolVersion = 2;

enum class MessageType : uint32_t {
    kUpdate = 1, // from niwad: the life of a container, with its descriptors if the keeper does not have them yet
    kForget,     // from niwad: the container life.id is gone
    kList,      // from niwad: a request for everything that the keeper has; kListener and kContainer answer, then kDone
    kContainer, // from the keeper: one container, with its pidfd, its terminal and, before its start, its control
                // socket
    kDone,      // from the keeper: the answer to kList is complete, or the answer to kPing
    kPing,      // from niwad: the keeper has to answer, to show that it runs
    kListener,  // from both: the listening socket of the API, passed as `control`; without a descriptor, there is none
    kInput,     // from both: the writing end of the standard input of container life.id, passed as `control`; without a
                // descriptor, a client has taken it, and the keeper has to close its own
    kTake,      // from niwad: it takes container life.id, so the keeper is its backstop from now on and answers with
                // kContainer, without descriptors. niwad sends a kPing behind the last of several kTake: kDone shows
                // the end of the answers, also of a keeper that does not know kTake
};

struct Message {
    MessageType type = MessageType::kDone;
    Life life;
    Fd pidfd, group, control, terminal; // those that came with the message
};

// Sends a message with the descriptors that are not -1. Gives 0 or a negative errno.
int send_message(int socket, MessageType type, const Life &life, int pidfd = -1, int group = -1, int control = -1,
                 int terminal = -1);

// Waits for a message. Gives 0 or a negative errno, -EPIPE where the other side has closed the connection, -EPROTO
// where it has another version.
int receive_message(int socket, Message *message);
