// A program of ours in a sealed memfd: a container can open it by /proc/self/exe while it runs there, but nobody can
// write to it (CVE-2019-5736).
#pragma once
#include "../core/fd.h"

// Copies the file `path` into a sealed, executable memfd of the same name. Gives 0 and sets `image`, or gives a
// negative errno.
int load_program(const char *path, Fd *image);
