// The use of a container, as niwad tells it.
#pragma once
#include "options.h"

// Prints the use of a container: once with --stats, else a line after each --interval until it has ended.
void print_events(int niwad, const struct command *command);
