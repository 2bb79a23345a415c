// The command lines and environments that early.c knows. No function here needs the C library.
#pragma once
#include <stdbool.h>
#include <stddef.h>

// A command line that asks for nothing else.
struct plain {
    const char *root, *log, *niwad, *verb, *bundle;
    const char *arguments[2];
    size_t argument_count;
    bool force, all, detach;
};

size_t length_of(const char *text);
bool is_text(const char *text, const char *other);

// Whether the verb makes a container.
bool makes_process(const struct plain *plain);

// Reads a command line. Gives false where it has anything that is not known here.
bool read_words(char **words, struct plain *plain);

// Takes what the environment says. Gives false where a service manager has given something to the process.
bool read_environment(char **entries, struct plain *plain);
