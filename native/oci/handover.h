// What the engine gets of a process: its pid, its pidfd, and its terminal.
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "options.h"

// Ends the program where the path of the pid file, or of a socket that gets something, is too long: before anything is
// made. early_words.c leaves long paths to this program.
void check_receivers(const struct command *command);

// Writes a pid file under another name, beside its place: whoever waits for it never sees a part of it, nor a process
// that has not begun. Ends the program where the pid file could not be written. The path has to stay, and to have
// passed check_receivers(). Where the program ends before place_pid_file(), also by SIGHUP, SIGINT or SIGTERM, the file
// is removed.
void prepare_pid_file(const char *path, pid_t pid);

// Moves the pid file to its place, if one was prepared. Gives 0 or a negative errno.
int place_pid_file(void);

// Sends the master side of a terminal to a console socket. Ends the program where it cannot be sent.
void hand_over_terminal(const char *path, int terminal);

// Sends the pidfd of a process to a socket, with the word "standard" for the first process of a container, and "setns"
// for that of an exec. Ends the program where it cannot be sent.
void hand_over_pidfd(const char *path, int pidfd, bool is_first);
