// niwa-oci: the command that container engines call as their OCI runtime. It knows no policy: niwad compiles the
// config and keeps the containers; this program makes the first process, below itself, with its own standard streams.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "birth.h"
#include "capabilities.h"
#include "criu.h"
#include "dumped.h"
#include "early.h"
#include "events.h"
#include "foreground.h"
#include "handover.h"
#include "help.h"
#include "hook.h"
#include "kept.h"
#include "log.h"
#include "options.h"
#include "ps.h"
#include "ready.h"
#include "root.h"
#include "spec.h"
#include "unkept.h"

#define EXEC_FAILED 255 // the exit status of an exec that has executed no program, as that of runc

static struct buffer creation_of(const struct command *command, const char *verb) {
    const char *bundle = option(command, "bundle"), *config = option(command, "config");
    check_receivers(command);
    char directory[PATH_MAX], path[PATH_MAX + 16];
    if (bundle == NULL) bundle = ".";
    if (realpath(bundle, directory) == NULL) fail("open %s: %s", bundle, reason(errno));
    snprintf(path, sizeof path, "%s/config.json", directory);
    struct buffer request = request_of(command, verb);
    request_add(&request, "bundle", directory);
    bool is_run = strcmp(command->verb, "run") == 0;
    if (is_run) request_add(&request, "start", "true");
    if (is_run && !has_option(command, "detach")) request_add(&request, "foreground", "true");
    if (manager() != NULL) request_add(&request, "notify", manager());
    request_groups(&request);
    request_capabilities(&request);
    request_file(&request, "config", config == NULL ? path : config);
    return request;
}

static void add_count(struct buffer *request, const char *name, size_t count) {
    char text[16];
    snprintf(text, sizeof text, "%zu", count);
    if (count > 0) request_add(request, name, text);
}

// Hands over the terminal and the pidfd of a process to the engine, and prepares the pid file. Where that fails, niwad
// undoes the process before this program ends.
static void hand_over(int niwad, const struct command *command, const struct born *born) {
    const char *console = option(command, "console-socket"), *pidfd_socket = option(command, "pidfd-socket");
    const char *pid_file = option(command, "pid-file");
    undo_at_exit(niwad);
    if (born->terminal >= 0 && console != NULL) hand_over_terminal(console, born->terminal);
    if (pidfd_socket != NULL) hand_over_pidfd(pidfd_socket, born->pidfd, strcmp(command->verb, "exec") != 0);
    if (pid_file != NULL) prepare_pid_file(pid_file, born->pid);
    undo_at_exit(-1);
}

// Makes the process that a request asks for, up to its wait, and hands it over: where that fails, its program has not
// begun.
static struct born make_process(int niwad, const struct command *command, struct buffer request, size_t kept) {
    struct frame birth = answer_to(niwad, request);
    if (birth.kind != FRAME_BIRTH) fail_by_version();
    struct born born = give_birth(niwad, &birth, kept);
    free(birth.body);
    hand_over(niwad, command, &born);
    return born;
}

// A request on the container that this program has made: on no other one that has its id by now.
static struct buffer request_on(const struct command *command, const char *verb, const struct born *born) {
    struct buffer request = request_of(command, verb);
    request_add(&request, "made", born->made);
    return request;
}

// Tells niwad that a process is there, with descriptors of a container's first one, and places the pid file when niwad
// has accepted it. From then on the process outlives this program; so does one whose start is over when its poststart
// hooks run.
static void settle(int niwad, const struct command *command, struct born *born, const int *fds, size_t count) {
    send_frame(niwad, FRAME_BORN, NULL, fds, count);
    struct frame answer = receive_frame(niwad);
    if (answer.kind == FRAME_HOOK) keep_born();
    born->made = answer_after(niwad, answer).body;
    int error = place_pid_file();
    if (error < 0 && count > 0) {
        struct buffer undo = request_on(command, "delete", born);
        request_add(&undo, "force", "true");
        ask(niwad, undo);
    }
    if (error < 0) fail("cannot write the pid file %s: %s", option(command, "pid-file"), reason(-error));
    keep_born();
}

// Makes a container up to its wait, and hands it over to niwad, which starts that of a run. Whether this program waits
// for its end: then signals are for the container, as soon as it is made. Until then they end this program, and the
// container with it.
static struct born create(int niwad, const struct command *command, bool waits) {
    struct kept kept = kept_of(command, true);
    struct buffer request = creation_of(command, "create");
    add_count(&request, "kept-fds", kept.all);
    add_count(&request, "listen-fds", kept.sockets);
    struct born born = make_process(niwad, command, request, kept.all);
    if (waits) hold_signals();
    settle(niwad, command, &born, (int[]){born.pidfd, born.control}, 2);
    close(born.control);
    return born;
}

// Listens for the word of a container that it is ready, where the manager of this program waits for that. niwad tells
// "PID PATH", or nothing where the container has no such socket.
static struct readiness readiness_of(int niwad, const struct command *command) {
    if (manager() == NULL) return NOT_AWAITED;
    struct frame told = answer_to(niwad, request_of(command, "notify"));
    struct readiness ready = NOT_AWAITED;
    char *path;
    pid_t pid = (pid_t)strtol(told.body, &path, 10);
    if (*path++ == ' ') ready = listen_for_ready(pid, (struct text){path, strlen(path)});
    free(told.body);
    return ready;
}

static void start(int niwad, const struct command *command) {
    struct readiness ready = readiness_of(niwad, command);
    ask(niwad, request_of(command, "start"));
    await_ready(&ready);
}

// Deletes a container that has ended, unless others have deleted it, as a checkpoint does. niwad may have been replaced
// meanwhile.
static void delete_ended(const struct command *command, const struct born *born) {
    ask(connect_of(command), request_on(command, "delete", born));
}

// Makes and starts a container, and waits for its end unless it is detached. Gives the exit status.
static int run(int niwad, const struct command *command) {
    bool waits = !has_option(command, "detach");
    struct born born = create(niwad, command, waits);
    if (!waits) {
        await_ready(&born.ready);
        return 0;
    }
    born.ready.pid = 0; // this program stays the main process
    int status = await_end(&born, &born.ready);
    if (!born.is_removed && !has_option(command, "keep")) delete_ended(command, &born);
    return status;
}

// Lets CRIU write a container into images. niwad deletes it then, unless it is left running.
static void checkpoint(int niwad, const struct command *command) {
    struct frame told = answer_to(niwad, request_of(command, "checkpoint"));
    free(dump_by_criu(niwad, command, &told).body);
}

// Makes a container of images, which niwad starts with the same request: it runs already. Waits for its end unless it
// is detached. Gives the exit status.
static int restore(int niwad, const struct command *command) {
    bool waits = !has_option(command, "detach");
    struct frame told = answer_to(niwad, creation_of(command, "restore"));
    struct born born = restore_by_criu(niwad, command, &told);
    hand_over(niwad, command, &born);
    if (waits) hold_signals();
    settle(niwad, command, &born, (int[]){born.pidfd, born.control}, 2);
    if (!waits) return 0;
    int status = await_end(&born, &NOT_AWAITED);
    delete_ended(command, &born);
    return status;
}

// Executes a program in a container, and waits for its end unless it is detached. Gives the exit status.
static int exec_in(int niwad, const struct command *command) {
    bool waits = !has_option(command, "detach");
    const char *process = option(command, "process");
    check_receivers(command);
    struct kept kept = kept_of(command, false);
    struct buffer request = request_of(command, "exec");
    add_count(&request, "kept-fds", kept.all);
    if (process != NULL) request_file(&request, "process", process);
    if (waits) request_add(&request, "foreground", "true");
    request_capabilities(&request);
    struct born born = make_process(niwad, command, request, kept.all);
    if (waits) hold_signals();
    execute_born(niwad, &born);
    settle(niwad, command, &born, NULL, 0);
    return waits ? await_end(&born, &NOT_AWAITED) : 0;
}

// Lists the processes of a container: as niwad writes them, or those lines of ps(1).
static void list_processes(int niwad, const struct command *command) {
    const char *format = option(command, "format");
    if (format != NULL && strcmp(format, "table") != 0) {
        ask(niwad, request_of(command, "ps"));
    } else {
        struct frame pids = answer_to(niwad, request_of(command, "ps"));
        print_lines_of(pids.body, command->arguments + 1);
        free(pids.body);
    }
}

static void update(int niwad, const struct command *command) {
    const char *resources = option(command, "resources");
    struct buffer request = request_of(command, "update");
    if (resources != NULL && strcmp(resources, "-") == 0)
        request_rest(&request, "resources", STDIN_FILENO, "the standard input");
    else if (resources != NULL)
        request_file(&request, "resources", resources);
    ask(niwad, request);
}

// Deletes the containers whose ids match a regular expression, see regex(7).
static void delete_matching(const struct command *command) {
    regex_t pattern;
    if (command->argument_count != 1) fail("delete --regex needs a regular expression: delete --regex '^web-'");
    if (regcomp(&pattern, command->arguments[0], REG_EXTENDED | REG_NOSUB) != 0)
        fail("%s is no regular expression", command->arguments[0]);
    struct buffer list = request_for("list");
    request_add(&list, "root", root_of(command));
    request_add(&list, "quiet", "true");
    struct frame ids = answer_to(connect_of(command), list);
    char *rest;
    for (char *id = strtok_r(ids.body, "\n", &rest); id != NULL; id = strtok_r(NULL, "\n", &rest)) {
        if (regexec(&pattern, id, 0, NULL, 0) != 0) continue;
        struct command one = *command;
        one.arguments = &id;
        int niwad = connect_of(command);
        ask(niwad, request_of(&one, "delete"));
        close(niwad);
    }
    regfree(&pattern);
    free(ids.body);
}

// Keeps the descriptors 0, 1 and 2 taken: a file that is opened later could else become a standard stream.
static void open_streams(void) {
    int fd = 0;
    while (fd >= 0 && fd < 3) fd = open("/dev/null", O_RDWR);
    if (fd > 2) close(fd);
}

// Does what the command line says. Gives the exit status.
static int obey(const struct command *command) {
    if (has_option(command, "version")) {
        print_version();
    } else if (command->verb == NULL || command->help) {
        print_help(command);
        return command->help ? 0 : 1;
    } else if (strcmp(command->verb, "spec") == 0) {
        write_spec(command);
    } else if (strcmp(command->verb, "create") == 0) {
        create(connect_of(command), command, false);
    } else if (strcmp(command->verb, "start") == 0) {
        start(connect_of(command), command);
    } else if (strcmp(command->verb, "run") == 0) {
        return run(connect_of(command), command);
    } else if (strcmp(command->verb, "exec") == 0) {
        fail_with(EXEC_FAILED);
        return exec_in(connect_of(command), command);
    } else if (strcmp(command->verb, "checkpoint") == 0) {
        find_criu(option(command, "criu"));
        checkpoint(connect_of(command), command);
    } else if (strcmp(command->verb, "restore") == 0) {
        find_criu(option(command, "criu"));
        return restore(connect_of(command), command);
    } else if (strcmp(command->verb, "ps") == 0) {
        list_processes(connect_of(command), command);
    } else if (strcmp(command->verb, "update") == 0) {
        update(connect_of(command), command);
    } else if (strcmp(command->verb, "delete") == 0 && has_option(command, "regex")) {
        delete_matching(command);
    } else if (strcmp(command->verb, "events") == 0) {
        print_events(connect_of(command), command);
    } else {
        ask(connect_of(command), request_of(command, command->verb));
    }
    return 0;
}

int main(int argc, char **argv) {
    if (is_action()) return answer_action();
    open_streams();
    struct command command = parse_command(argc, argv);
    if (early.write_error != 0) fail_to_write(early.write_error);
    int status = obey(&command);
    if (fflush(stdout) != 0) fail_to_write(errno);
    if (ferror(stdout)) fail("cannot write the output"); // an earlier write has failed: nobody knows its errno now
    return status;
}
