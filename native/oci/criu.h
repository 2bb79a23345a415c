// Checkpoints and restores of containers by CRIU, see criu(8). niwad says what CRIU is to do (FRAME_CRIU); this program
// knows the directories of the images, and the standard streams.
#pragma once
#include "birth.h"
#include "options.h"
#include "wire.h"

// Finds CRIU: the program of this path, or with NULL that of PATH. Ends this program, with what to install, where there
// is none.
void find_criu(const char *path);

// Lets CRIU write the images of a container, tells niwad how that has ended, and gives its answer.
struct frame dump_by_criu(int niwad, const struct command *command, const struct frame *told);

// Lets CRIU make the processes of a container anew, in its group; the first one is a child of this program. It gets the
// standard streams of this program for those that came from outside before. It runs already: when niwad starts it, its
// control socket only says so. Where that fails, tells niwad, and ends the program with niwad's words. Until
// keep_born() (unkept.h) the process ends with this program.
struct born restore_by_criu(int niwad, const struct command *command, const struct frame *told);
