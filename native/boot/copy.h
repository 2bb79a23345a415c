// Copies directories.
#pragma once
#include <stdbool.h>

// Copies all that is in the directory `from` into the empty directory `to`, with owners, modes and times; with
// `itself`, also the owner and the mode of the directory. Follows no link. Gives 0 or a negative errno:
// -ENAMETOOLONG for directories that are too deep.
int copy_directory(int from, int to, bool itself);
