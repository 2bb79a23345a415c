// What niwad orders with FRAME_BIRTH: how the command makes a process.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct order {
    uint64_t flags; // of clone3
    const char *program;
    size_t program_length;
};

// Reads an order; it points into the body of the frame. Ends the program where the frame says something that this
// version does not know.
struct order read_order(const struct frame *birth);
