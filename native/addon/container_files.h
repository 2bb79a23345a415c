// The files of a container in its directory on the host: those of its /etc, and its standard streams.
#pragma once
#include <string>

#include "spawn.h"

// The standard streams of a container: its ends and ours.
struct Streams {
    Fd in, feed; // feed writes to its input, where that is a pipe
    Fd output[2];
};

// Writes the files of the container's /etc, which the boot program mounts, and makes its standard streams. Gives 0 or a
// negative errno.
int make_files(const SpawnRequest &request, Streams *streams);
