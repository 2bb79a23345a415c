// The files of a container in its directory on the host: those of its /etc, and its standard streams.
#pragma once
#include <string>

#include "spawn.h"

// All give 0 or a negative errno.

// Writes the files of the container's /etc, which the boot program mounts.
int write_files(const SpawnRequest &request);

// Makes a FIFO for an output of the container, and opens both of its ends. The container has the reading end of its own
// output open too. So when niwad dies, the container gets no SIGPIPE, and what it wrote is kept.
int make_fifo(const std::string &path, const SpawnRequest &request, Fd *fifo);

// Makes the standard input of a container: `reading` is for the workload, `writing` stays with us. It is a pipe and no
// FIFO: one that the workload opens again (/dev/stdin) would wait for a writer, though the input is over (fifo(7)).
int make_input(const SpawnRequest &request, Fd *reading, Fd *writing);
