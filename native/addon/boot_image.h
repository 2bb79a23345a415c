// The helper niwa-boot in a sealed memfd: a container can open it for a moment by /proc/self/exe, but nobody can write
// to it (CVE-2019-5736).
#pragma once
#include "../core/fd.h"

// Copies the file `path` into a sealed, executable memfd. Gives 0 and sets `image`, or gives a negative errno.
int load_boot_image(const char *path, Fd *image);
