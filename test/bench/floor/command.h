// Runs a command to its end, without the time that Node.js takes to spawn.
#pragma once
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "floor.h"

// Gives a name that nothing else has.
static inline void write_name(char *name, size_t room) {
    static atomic_ulong number;
    snprintf(name, room, "bench-%d-%lu", getpid(), atomic_fetch_add(&number, 1));
}

// Ends this program where the command fails: the command has said why.
static inline void run_command(char *const words[]) {
    extern char **environ;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    errno = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
    if (errno != 0) die(words[0]);
    posix_spawn_file_actions_destroy(&actions);
    int status;
    must(waitpid(pid, &status, 0), "waitpid");
    if (status != 0) exit(1);
}
