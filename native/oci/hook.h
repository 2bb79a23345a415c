// Hooks: programs that niwad lets this program run, in its own namespaces, while niwad answers a request.
#pragma once
#include "wire.h"

// How a hook has ended: by itself, by a signal, or killed when its time was over.
enum hook_end { HOOK_EXITED = 0, HOOK_SIGNALLED = 1, HOOK_TIMED_OUT = 2 };

// Receives the next frame as receive_frame(), after it has run the hooks that come before it.
// FRAME_HOOK has texts as a request: `program`, `arg` for each argument, `directory`, `input`, `timeout` (ms; missing
// for none), and where its environment is not that of this program `env` for each variable, or `no-env`.
struct frame receive_answer(int niwad);
