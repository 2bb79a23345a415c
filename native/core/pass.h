// The result of a call in another process: a descriptor or an error, over a Unix socket.
#pragma once

// Sends a descriptor, or a negative errno. Gives whether it went.
bool pass_result(int socket, int result);

// Waits for a result up to `timeout_ms`. Gives a descriptor, which the caller owns, or a negative errno: -ETIMEDOUT, or
// -EPIPE where the other process has ended without a word.
int receive_result(int socket, int timeout_ms);
