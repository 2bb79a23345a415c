// What the engine gets of a process: its pid, and its terminal.
#pragma once
#include <sys/types.h>

// Writes a pid file. Gives 0 or a negative errno.
int write_pid(const char *path, pid_t pid);

// Sends the master side of a terminal to a console socket. Ends the program where it cannot be sent.
void hand_over_terminal(const char *path, int terminal);
