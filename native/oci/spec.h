// The verb `spec`.
#pragma once
#include "options.h"

// Writes a config.json that runs a shell into the bundle; with --rootless one with a user namespace. Ends the program
// where there is one already.
void write_spec(const struct command *command);
