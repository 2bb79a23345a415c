// What the engine gets of a process: its pid, its pidfd, and its terminal.
#pragma once
#include <stdbool.h>
#include <sys/types.h>

// Writes a pid file. Gives 0 or a negative errno.
int write_pid(const char *path, pid_t pid);

// Sends the master side of a terminal to a console socket. Ends the program where it cannot be sent.
void hand_over_terminal(const char *path, int terminal);

// Sends the pidfd of a process to a socket, with the word "standard" for the first process of a container, and "setns"
// for that of an exec. Ends the program where it cannot be sent.
void hand_over_pidfd(const char *path, int pidfd, bool is_first);
