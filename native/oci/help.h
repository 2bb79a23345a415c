// The texts about the program itself. They have the name under which it was called: it may stand for another runtime,
// as a link.
#pragma once
#include "options.h"

// Prints how to use the program, or the verb of the command line.
void print_help(const struct command *command);

// Prints the versions, and what this runtime can do, in the words of others.
void print_version(void);
