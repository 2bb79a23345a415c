// Requests of a command line to niwad.
#pragma once
#include "options.h"
#include "wire.h"

// Connects to the niwad that the command line names. Ends the program where nobody listens.
int connect_of(const struct command *command);

// The request of a verb with all options and arguments of the command line.
struct buffer request_of(const struct command *command, const char *verb);

// Sends a request, and gives the answer. The caller frees its body.
struct frame answer_to(int niwad, struct buffer request);

// Sends a request and prints what niwad answers. Gives whether there was something to print.
bool ask(int niwad, struct buffer request);
