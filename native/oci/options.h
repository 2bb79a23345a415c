// The command line: global options, a verb, its options, its arguments. The options are those of runc.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define MAX_OPTIONS 64

#define MAX_RULES 24

// An option.
struct rule {
    const char *name;  // NULL behind the last one
    char letter;       // of the short form, or 0
    const char *value; // what its value is, for people; NULL where it takes none
    const char *about; // for people
};

struct verb {
    const char *name, *arguments; // the latter for people
    size_t most_arguments;
    const char *about; // for people
    struct rule rules[MAX_RULES];
};

extern const struct rule global_rules[];
extern const struct verb verbs[];
extern const size_t verb_count;

struct command {
    const char *verb; // NULL where none is given
    struct {
        const char *name, *value; // "true" or "false" for an option without a value
    } options[MAX_OPTIONS];
    size_t option_count;
    char **arguments; // with a NULL behind the last one
    size_t argument_count;
    bool help; // of the program, or of the verb
};

// Reads the command line. Ends the program where it has an unknown option or verb, with what to type.
struct command parse_command(int argc, char **argv);

// The value of an option that was given last; NULL where it was not given.
const char *option(const struct command *command, const char *name);

// Whether an option without a value was given.
bool has_option(const struct command *command, const char *name);
