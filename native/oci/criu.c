#include "criu.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dumped.h"
#include "hook.h"
#include "log.h"
#include "streams.h"
#include "unkept.h"

#define SYSTEM_PATH "/usr/local/sbin:/usr/sbin:/sbin" // an engine may have a PATH without them
#define MAX_INHERITED 8
#define FIRST_INHERITED 10 // numbers of descriptors of CRIU: above all that it is given otherwise

// What CRIU is to do.
struct work {
    struct hook hook;
    char images[PATH_MAX], directory[PATH_MAX]; // of the images, and of the log
    const char *log;                            // the name of the log in that directory
    const char *root, *stage;                   // where the root is, and where it is mounted for CRIU
    bool is_readonly;                           // whether nobody may write to the root
    int inherited[MAX_INHERITED];               // descriptors that CRIU gets
    size_t inherited_count;
    struct dumped dumped; // the first process of the container that is dumped
};

static char program[PATH_MAX];

static bool is_program(const char *path, int length) {
    return length < (int)sizeof program && access(path, X_OK) == 0;
}

void find_criu(const char *path) {
    const char *given = getenv("PATH");
    char *places, *rest;
    if (asprintf(&places, "%s:%s", given == NULL ? "/usr/bin:/bin" : given, SYSTEM_PATH) < 0)
        fail("there is no memory for a path");
    setenv("PATH", places, 1); // CRIU itself calls tar(1) and ip(8)
    bool is_found = path != NULL && is_program(program, snprintf(program, sizeof program, "%s", path));
    for (char *place = strtok_r(places, ":", &rest); path == NULL && !is_found && place != NULL;
         place = strtok_r(NULL, ":", &rest))
        is_found = is_program(program, snprintf(program, sizeof program, "%s/criu", place));
    free(places);
    if (!is_found)
        fail("checkpoint and restore need CRIU, and there is no program %s: install it (on Debian: apt-get install "
             "criu), or name it with --criu",
             path == NULL ? "criu in PATH" : path);
}

static void add_option(struct work *work, const char *name, const char *value) {
    char *copy = strdup(value);
    if (copy == NULL) fail("there is no memory for an option of CRIU");
    add_word(&work->hook.args, (char *)(uintptr_t)name);
    add_word(&work->hook.args, copy);
}

// Lets CRIU have a descriptor of this program for what the images call `name`.
static void inherit(struct work *work, int fd, const char *name) {
    char text[PATH_MAX];
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_INHERITED);
    if (copy < 0 || work->inherited_count == MAX_INHERITED) fail("cannot give CRIU a descriptor: %s", reason(errno));
    work->inherited[work->inherited_count++] = copy;
    snprintf(text, sizeof text, "fd[%d]:%s", copy, name);
    add_option(work, "--inherit-fd", text);
}

// Takes `join=NAME:PATH`: a namespace of others that the images call so.
static void join(struct work *work, char *text) {
    char *path = strchr(text, ':');
    if (path == NULL) fail_by_version();
    *path++ = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail("open %s: %s", path, reason(errno));
    inherit(work, fd, text);
    close(fd);
}

static void take(void *to, const char *name, char *value) {
    struct work *work = to;
    if (strcmp(name, "arg") == 0) add_word(&work->hook.args, value);
    if (strcmp(name, "pid") == 0) work->dumped.pid = (pid_t)atoi(value);
    if (strcmp(name, "start") == 0) work->dumped.start = value;
    if (strcmp(name, "root") == 0) work->root = value;
    if (strcmp(name, "stage") == 0) work->stage = value;
    if (strcmp(name, "readonly") == 0) work->is_readonly = true;
    if (strcmp(name, "join") == 0) join(work, value);
}

static void make_directories(const char *path) {
    char part[PATH_MAX];
    for (size_t i = 1; i <= strlen(path); i++) {
        if (path[i] != '/' && path[i] != 0) continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0700) < 0 && errno != EEXIST) fail("mkdir %s: %s", part, reason(errno));
    }
}

// Finds the directory that an option names; `missing` is the one without the option.
static void directory_of(const struct command *command, const char *name, const char *missing, char *directory) {
    const char *given = option(command, name);
    if (given == NULL) given = missing;
    if (strlen(given) >= PATH_MAX) fail("--%s %s: %s", name, given, reason(ENAMETOOLONG));
    if (strcmp(command->verb, "checkpoint") == 0) make_directories(given);
    if (realpath(given, directory) == NULL) fail("open %s: %s", given, reason(errno));
}

// Reads what niwad says. The work points into copies that stay as long as this program.
static struct work *read_work(const struct command *command, const struct frame *told, const char *log) {
    struct work *work = calloc(1, sizeof *work);
    if (told->kind != FRAME_CRIU) fail_by_version();
    if (work == NULL) fail("there is no memory for CRIU");
    work->hook = (struct hook){.program = program, .input = "", .timeout_ms = -1};
    work->log = log;
    add_word(&work->hook.args, program);
    read_named(told, take, work);
    directory_of(command, "image-path", "checkpoint", work->images);
    directory_of(command, "work-path", work->images, work->directory);
    work->hook.directory = work->directory;
    add_option(work, "--images-dir", work->images);
    add_option(work, "--work-dir", work->directory);
    add_option(work, "--log-file", log);
    return work;
}

// Whether a line of CRIU's log is an error. With some it goes on: it cannot raise its own limit without
// CAP_SYS_RESOURCE, and a host may have no tun devices.
static bool is_error(const char *line) {
    return strstr(line, "Error (") != NULL && strstr(line, "RLIMIT_NOFILE for self") == NULL &&
           strstr(line, "Unable to create tun") == NULL;
}

// Puts the first error of CRIU's log, and the path of the log, in the place of its output: the errors behind it follow
// from the first one.
static void tell_cause(const struct work *work, struct ending *ending) {
    char path[2 * PATH_MAX], line[1024], cause[1024] = "";
    snprintf(path, sizeof path, "%s/%s", work->directory, work->log);
    FILE *log = fopen(path, "re");
    while (log != NULL && cause[0] == 0 && fgets(line, sizeof line, log) != NULL)
        if (is_error(line)) memcpy(cause, line, sizeof cause);
    if (log != NULL) fclose(log);
    cause[strcspn(cause, "\n")] = 0;
    size_t length = (size_t)snprintf(ending->output, sizeof ending->output, "%s (log file: %s)", cause, path);
    ending->length = length < sizeof ending->output ? length : sizeof ending->output - 1;
}

// Tells that the process of the container has ended meanwhile, where that is the cause.
static void tell_if_ended(const struct work *work, struct ending *ending) {
    if (is_still(&work->dumped)) return;
    ending->length = (size_t)snprintf(ending->output, sizeof ending->output, "the container has ended meanwhile");
}

static struct ending run_criu(int niwad, const struct work *work) {
    char log[2 * PATH_MAX];
    snprintf(log, sizeof log, "%s/%s", work->directory, work->log);
    unlink(log);
    struct ending ending = run_hook(niwad, &work->hook);
    if (ending.end == HOOK_EXITED && ending.status == 0) return ending;
    if (access(log, F_OK) == 0) tell_cause(work, &ending);
    return ending;
}

// The streams of the process that are not the container's own are noted beside the images: restore gives others for
// them.
static void note_streams(struct work *work) {
    struct stream streams[STREAMS];
    for (int fd = 0; fd < STREAMS; fd++) {
        streams[fd] = stream_of(work->dumped.pid, fd);
        if (streams[fd].external[0] != 0) add_option(work, "--external", streams[fd].external);
    }
    write_streams(work->images, streams);
}

// Lets CRIU ask this program at each step whether the process is still that of the container.
static void ask_at_each_step(struct work *work) {
    char own[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    if (length < 0) fail("readlink /proc/self/exe: %s", reason(errno));
    own[length] = 0;
    add_option(work, "--action-script", own);
    announce_dumped(&work->dumped);
}

struct frame dump_by_criu(int niwad, const struct command *command, const struct frame *told) {
    struct work *work = read_work(command, told, "dump.log");
    if (work->dumped.start == NULL) fail_by_version();
    note_streams(work);
    ask_at_each_step(work);
    work->hook.is_whole = true; // it has its own code in the processes of the container
    struct ending ending = run_criu(niwad, work);
    if (ending.end != HOOK_EXITED || ending.status != 0) tell_if_ended(work, &ending);
    if (ending.is_alone)
        fail("niwad has ended during the checkpoint, which criu has %s: %s",
             ending.end == HOOK_EXITED && ending.status == 0 ? "completed" : "not completed", work->images);
    tell_ended(niwad, &ending);
    return receive_answer(niwad);
}

// Runs in the process that becomes CRIU: mounts the root where CRIU looks for it, in a mount namespace that ends with
// CRIU, and keeps the descriptors open that it inherits.
static bool prepare_restore(const void *argument) {
    const struct work *work = argument;
    for (size_t i = 0; i < work->inherited_count; i++)
        if (fcntl(work->inherited[i], F_SETFD, 0) < 0) return false;
    // CRIU makes a bind of it, which has its attributes; before 4.1 it does not know those that the root had
    struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) == 0 &&
           mount(work->root, work->stage, NULL, MS_BIND | MS_REC, NULL) == 0 &&
           (!work->is_readonly || mount_setattr(AT_FDCWD, work->stage, 0, &readonly, sizeof readonly) == 0);
}

static void inherit_streams(struct work *work) {
    struct stream streams[STREAMS];
    read_streams(work->images, streams);
    for (int fd = 0; fd < STREAMS; fd++) {
        if (streams[fd].name[0] == 0) continue;
        int own = stream_for(fd);
        inherit(work, own, streams[fd].name);
        close(own);
    }
}

// Gives a pidfd of the process whose pid CRIU has written, if it is a child of this program; else -1.
static int take_child(const char *pid_file, pid_t *pid) {
    siginfo_t info = {0};
    FILE *file = fopen(pid_file, "re");
    bool is_read = file != NULL && fscanf(file, "%d", pid) == 1 && *pid > 0;
    if (file != NULL) fclose(file);
    int pidfd = is_read ? (int)syscall(SYS_pidfd_open, *pid, 0) : -1;
    if (pidfd < 0 || waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0) return pidfd;
    close(pidfd);
    return -1;
}

struct born restore_by_criu(int niwad, const struct command *command, const struct frame *told) {
    char pid_file[2 * PATH_MAX];
    struct born born = {.pidfd = -1, .terminal = -1, .listener = -1, .timeout_ms = -1};
    struct work *work = read_work(command, told, "restore.log");
    if (work->root == NULL || work->stage == NULL) fail_by_version();
    snprintf(pid_file, sizeof pid_file, "%s/restore-%d.pid", work->directory, getpid());
    add_option(work, "--pidfile", pid_file);
    inherit_streams(work);
    work->hook.prepare = prepare_restore;
    work->hook.argument = work;
    unlink(pid_file); // that of a command that was killed
    struct ending ending = run_criu(niwad, work);
    bool is_restored = ending.end == HOOK_EXITED && ending.status == 0;
    if (is_restored) born.pidfd = take_child(pid_file, &born.pid);
    unlink(pid_file);
    int control[2];
    if (born.pidfd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0) {
        tell_ended(niwad, &ending);
        receive_answer(niwad);
        fail("the container could not be restored");
    }
    keep_only(born.pidfd);
    // niwa-boot closes its end when the program is executed: here that has happened. Nobody reads the word to go on.
    shutdown(control[1], SHUT_WR);
    born.control = control[0];
    return born;
}
