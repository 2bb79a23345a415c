// The capabilities of this program: the processes that it makes can have no others, unless they are in a user namespace
// of their own.
#pragma once
#include "wire.h"

// Adds them to a request: the lower and the higher 32 bits of the permitted set, see capget(2).
void request_capabilities(struct buffer *request);
