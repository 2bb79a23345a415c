// What niwad orders with FRAME_BIRTH: how the command makes a process.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

// How many descriptors niwa-boot gets beside its control socket, and the highest number that one of them has.
#define MAX_PLACED (MAX_FRAME_FDS - 2)
#define LAST_PLACE 31
#define MAX_DEVICES 64

// How many CPUs a mask has at most.
#define MAX_CPUS 1024

struct order {
    uint64_t flags;         // of clone3
    int places[MAX_PLACED]; // `place=NUMBER`: what number the descriptors behind that of the group have in the new
                            // process
    size_t place_count;
    struct text agent;                // the path of the socket of the agent of the filter; empty for none
    struct text agent_state;          // what it gets with the listener, see agent.h
    struct text devices[MAX_DEVICES]; // `net-device=NAME:NEW NAME`: see net_devices.h; an empty new name for the same
    size_t device_count;
    unsigned long cpus[MAX_CPUS / 8 / sizeof(unsigned long)]; // `cpus=0,3`: where this program runs from now on
    size_t cpu_bytes;                                         // of the mask, 0 for none
    bool paused;        // `paused=`: the container is, and the process goes on when somebody resumes it
    bool network;       // `network=`: the last descriptor is a network namespace, which the new process is in
    bool removed;       // `removed=`: niwad removes the container when it has ended
    struct text notify; // `notify=PATH`: where this program listens for the word of the container; empty for nowhere
    const char *program;
    size_t program_length;
};

// Reads an order; it points into the body of the frame. Ends the program where the frame says something that this
// version does not know.
struct order read_order(const struct frame *birth);
