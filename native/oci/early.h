// What niwa-oci does before the C library begins. In a virtual machine that takes half a millisecond: glibc executes
// some seventy CPUID instructions, and each is a trap. An engine calls niwa-oci five times for a container. So the
// request of a plain command line is sent without the library; the answer to a verb that only asks is printed without
// it, too.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What main() finds done. It does all other parts itself, and all of what early.c does not know.
struct early {
    int niwad;         // the connection, or -1
    const char *asked; // the body of the request that was sent, or NULL
    size_t asked_bytes;
    bool has_head; // the head of the answer was read
    uint32_t kind, length;
    int write_error; // the errno with which the answer could not be printed, or 0
};
extern struct early early;
