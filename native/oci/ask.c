#include "ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook.h"
#include "log.h"
#include "paths.h"
#include "root.h"

// Options that this program acts on by itself. niwad gets all others.
static const char *const own_options[] = {"root",      "pidfd-socket", "niwad",        "log",    "log-format",
                                          "debug",     "config",       "pid-file",     "detach", "process",
                                          "resources", "interval",     "preserve-fds", "regex",  "image-path",
                                          "work-path", "no-subreaper", "criu"};

static bool is_own(const char *name) {
    for (size_t i = 0; i < sizeof own_options / sizeof *own_options; i++)
        if (strcmp(own_options[i], name) == 0) return true;
    return false;
}

int connect_of(const struct command *command) {
    const char *path = option(command, "niwad");
    if (path == NULL) path = getenv("NIWA_OCI_SOCKET");
    return connect_niwad(path == NULL ? DEFAULT_SOCKET : path);
}

struct buffer request_of(const struct command *command, const char *verb) {
    struct buffer request = request_for(verb);
    request_add(&request, "root", root_of(command));
    for (size_t i = 0; i < command->option_count; i++)
        if (!is_own(command->options[i].name) && strcmp(command->options[i].name, "bundle") != 0)
            request_add(&request, command->options[i].name, command->options[i].value);
    for (size_t i = 0; i < command->argument_count; i++) request_add(&request, "argument", command->arguments[i]);
    return request;
}

struct frame answer_to(int niwad, struct buffer request) {
    send_frame(niwad, FRAME_REQUEST, &request, NULL, 0);
    free(request.bytes);
    return receive_answer(niwad);
}

bool ask(int niwad, struct buffer request) {
    struct frame answer = answer_to(niwad, request);
    if (fwrite(answer.body, 1, answer.length, stdout) < answer.length) fail_to_write(errno);
    free(answer.body);
    return answer.length > 0;
}
