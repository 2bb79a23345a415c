// Runs a command over and over and waits for each: the time of another runtime, without the time that Node.js takes to
// spawn.
//
// floor-launch COMMAND [ARGUMENT...]   a word "@" is replaced by a name that is used once
// Orders come on standard input: "COUNT THREADS".
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "floor.h"

static char **words;
static int word_count;

static void launch(void *state) {
    (void)state;
    static atomic_ulong number;
    extern char **environ;
    char name[64];
    char *args[word_count + 1];
    snprintf(name, sizeof name, "bench-%d-%lu", getpid(), atomic_fetch_add(&number, 1));
    for (int i = 0; i <= word_count; i++) args[i] = words[i] != NULL && strcmp(words[i], "@") == 0 ? name : words[i];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    errno = posix_spawnp(&pid, args[0], &actions, NULL, args, environ);
    if (errno != 0) die(args[0]);
    posix_spawn_file_actions_destroy(&actions);
    int status;
    must(waitpid(pid, &status, 0), "waitpid");
    if (status != 0) exit(1); // it has said why
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    words = argv + 1;
    word_count = argc - 1;
    serve_orders(NULL, launch, free);
}
