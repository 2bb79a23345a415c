// Asks an OCI runtime for what an engine asks for one container: create, start, state, kill, delete. As conmon does, it
// reads the pid from the pid file, and waits for the container: it is the subreaper below which the runtime leaves it.
//
// floor-engine PID-FILE BUNDLE RUNTIME [OPTION...]   the pid files have names that begin with PID-FILE
// Orders come on standard input: "COUNT THREADS".
#include <limits.h>
#include <sys/prctl.h>

#include "command.h"

#define MOST_ARGUMENTS 8
#define ask(...) ask_runtime((char *[MOST_ARGUMENTS]){__VA_ARGS__})

static char *pid_file, *bundle;
static char **runtime; // with its options
static int runtime_words;

static void ask_runtime(char *const arguments[MOST_ARGUMENTS]) {
    char *words[runtime_words + MOST_ARGUMENTS + 1];
    memcpy(words, runtime, (size_t)runtime_words * sizeof *words);
    memcpy(words + runtime_words, arguments, MOST_ARGUMENTS * sizeof *words);
    words[runtime_words + MOST_ARGUMENTS] = NULL;
    run_command(words);
}

static pid_t pid_in(const char *path) {
    int pid;
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%d", &pid) != 1) die(path);
    fclose(file);
    return pid;
}

static void ask_for_one(void *state) {
    (void)state;
    char name[64], path[PATH_MAX];
    write_name(name, sizeof name);
    snprintf(path, sizeof path, "%s-%s", pid_file, name);
    ask("create", "--bundle", bundle, "--pid-file", path, name);
    pid_t pid = pid_in(path);
    ask("start", name);
    ask("state", name);
    ask("kill", name, "KILL");
    must(waitpid(pid, NULL, 0), "wait for the container");
    ask("delete", name);
    unlink(path);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    pid_file = argv[1];
    bundle = argv[2];
    runtime = argv + 3;
    runtime_words = argc - 3;
    must(prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl");
    serve_orders(NULL, ask_for_one, free);
}
