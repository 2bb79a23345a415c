// Messages to the service manager.
#pragma once
#include <string>

// Sends a datagram to the Unix socket at `socket`, a path or "@" and an abstract name, as sd_notify(3) does.
// Gives 0 or a negative errno: EINVAL for a name that is neither, EAGAIN where its queue is full.
int notify_manager(const std::string &socket, const std::string &text);
