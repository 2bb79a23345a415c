// The standard streams of a container that CRIU writes into images: those from outside get others at the restore.
#pragma once
#include <sys/types.h>

#define STREAMS 3

struct stream {
    char name[64];     // what CRIU calls it in its images (--inherit-fd); empty where it is the container's own
    char external[64]; // how CRIU is told that it is none of the container (--external); empty where it knows that
};

// Looks at a stream of a process. Ends the program where it is a terminal from outside.
struct stream stream_of(pid_t pid, int fd);

// Keeps the names beside the images in descriptors.json, a list of texts as other runtimes write it.
void write_streams(const char *images, const struct stream *streams);

// Reads the names; all are empty where there are none.
void read_streams(const char *images, struct stream *streams);

// Gives a descriptor for a stream of this program, which the caller owns.
int stream_for(int fd);
