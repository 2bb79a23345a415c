// The result of a call in another process, sent over a Unix socket: a descriptor or an errno.
#pragma once

// Sends a descriptor, or a negative errno. Gives whether it was sent.
bool pass_result(int socket, int result);

// Waits for a result up to `timeout_ms`. Gives a descriptor, which the caller owns, or a negative errno: -ETIMEDOUT, or
// -EPIPE where the other process has ended and sent nothing.
int receive_result(int socket, int timeout_ms);
