// The directory of --root, which separates the ids of several engines.
#pragma once
#include "options.h"

// Gives its path from `/` on, without `.`, `..` and needless slashes: one directory is one space of ids, however it is
// written. Links are not followed. Ends the program where there can be no such directory.
const char *root_of(const struct command *command);
