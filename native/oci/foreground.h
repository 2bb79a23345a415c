// A container that this program waits for, as `run` without --detach does.
#pragma once
#include "birth.h"
#include "ready.h"

// Blocks the signals that await_end() passes on. To be called before the process is made.
void hold_signals(void);

// Passes signals on to the process, copies between its terminal and our standard streams where it has one, and waits
// for its end; meanwhile takes its word that it is ready. Gives the exit status: that of the process, or 128 and its
// signal.
int await_end(const struct born *born, struct readiness *word);
