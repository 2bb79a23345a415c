// Programs that niwad lets this program run, in its own namespaces, while niwad answers a request: hooks, and CRIU.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

#define MAX_OUTPUT 4096

// How a program has ended: by itself, by a signal, or killed when its time was over.
enum hook_end { HOOK_EXITED = 0, HOOK_SIGNALLED = 1, HOOK_TIMED_OUT = 2 };

struct words {
    char **list; // with a NULL behind them
    size_t count;
};

// Adds a word, which has to stay. Ends the program where there is no memory.
void add_word(struct words *words, char *word);

// Calls `take` for each text `name=value` of a frame. The name and the value are copies that stay as long as this
// program. Ends the program for another text.
void read_named(const struct frame *frame, void (*take)(void *to, const char *name, char *value), void *to);

struct hook {
    const char *program, *directory, *input;
    struct words args, env;
    bool has_env;    // else it has that of this program
    long timeout_ms; // -1 for none
    bool is_whole;   // it must not be killed on its way: it goes on where niwad or this program goes away
    // Called in the new process before it is executed; gives false with errno where it may not be. NULL for nothing.
    bool (*prepare)(const void *argument);
    const void *argument;
};

// How a program has ended, and the end of its output.
struct ending {
    uint32_t end;   // enum hook_end
    int32_t status; // the exit status, or the signal
    char output[MAX_OUTPUT];
    size_t length;
    bool is_alone; // whether niwad has gone away meanwhile
};

// Runs a program to its end. Where niwad goes away, ends it and this program, unless it has to be whole.
struct ending run_hook(int niwad, const struct hook *hook);

// Tells niwad how a program has ended: FRAME_ENDED.
void tell_ended(int niwad, const struct ending *ending);

// Receives the next frame as receive_frame(), after it has run the hooks that come before it.
// FRAME_HOOK has texts as a request: `program`, `arg` for each argument, `directory`, `input`, `timeout` (ms; missing
// for none), and where its environment is not that of this program `env` for each variable, or `no-env`.
struct frame receive_answer(int niwad);

// The same where the next frame is there already.
struct frame answer_after(int niwad, struct frame frame);
