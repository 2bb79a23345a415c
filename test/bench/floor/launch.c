// Runs a command over and over and waits for each: the time of another runtime.
//
// floor-launch COMMAND [ARGUMENT...]   a word "@" is replaced by a name that is used once
// Orders come on standard input: "COUNT THREADS".
#include "command.h"

static char **words;
static int word_count;

static void launch(void *state) {
    (void)state;
    char name[64];
    char *args[word_count + 1];
    write_name(name, sizeof name);
    for (int i = 0; i <= word_count; i++) args[i] = words[i] != NULL && strcmp(words[i], "@") == 0 ? name : words[i];
    run_command(args);
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    words = argv + 1;
    word_count = argc - 1;
    serve_orders(NULL, launch, free);
}
