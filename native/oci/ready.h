// The word of a container that it is ready, for the service manager of this program (NOTIFY_SOCKET), see sd_notify(3).
// The manager looks at the group of the sender, so this program sends it, and not niwad.
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "wire.h"

struct readiness {
    int socket; // where the container sends; -1 where nobody waits for its word, or not any more
    int pidfd;  // its first process
    pid_t pid;  // what the manager is to take as the main process; 0 for this program
};

#define NOT_AWAITED ((struct readiness){.socket = -1, .pidfd = -1})

// The path of the service manager that waits for the word, or @ and an abstract name; NULL for none. Ends the
// program where it is too long for a socket.
const char *manager(void);

// Listens on a path for a container, whose first process has this pid.
struct readiness listen_for_ready(pid_t pid, struct text path);

// Takes one message of the container; if it says that the container is ready, tells the manager.
void take_word(struct readiness *ready);

// Waits until the container is ready, or has ended.
void await_ready(struct readiness *ready);
