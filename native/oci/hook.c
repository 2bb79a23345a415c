#include "hook.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define PIPE_PIECES 16 // of MAX_OUTPUT bytes: what a pipe holds, see pipe(7)
#define CANNOT_EXECUTE 127

// A hook that runs, and the end of its output.
struct running {
    pid_t pid;
    int pidfd, output;
    char kept[MAX_OUTPUT];
    size_t length;
    bool is_alone;
};

void add_word(struct words *words, char *word) {
    words->list = realloc(words->list, (words->count + 2) * sizeof *words->list);
    if (words->list == NULL) fail("there is no memory for a hook");
    words->list[words->count++] = word;
    words->list[words->count] = NULL;
}

void read_named(const struct frame *frame, void (*take)(void *to, const char *name, char *value), void *to) {
    for (struct text rest = {frame->body, frame->length}; rest.length > 0;) {
        struct text text = take_text(&rest);
        char *word = strndup(text.bytes, text.length), *equals = word == NULL ? NULL : strchr(word, '=');
        if (equals == NULL) fail_by_version();
        *equals = 0;
        take(to, word, equals + 1);
    }
}

static void take(void *to, const char *name, char *value) {
    struct hook *hook = to;
    if (strcmp(name, "program") == 0) hook->program = value;
    if (strcmp(name, "directory") == 0) hook->directory = value;
    if (strcmp(name, "input") == 0) hook->input = value;
    if (strcmp(name, "timeout") == 0) hook->timeout_ms = strtol(value, NULL, 10);
    if (strcmp(name, "arg") == 0) add_word(&hook->args, value);
    if (strcmp(name, "env") == 0) add_word(&hook->env, value);
    if (strcmp(name, "env") == 0 || strcmp(name, "no-env") == 0) hook->has_env = true;
}

// Reads the texts of a frame. The hook points into copies that stay as long as this program.
static struct hook read_hook(const struct frame *frame) {
    struct hook hook = {.timeout_ms = -1, .input = ""};
    read_named(frame, take, &hook);
    if (hook.program == NULL || hook.directory == NULL || hook.args.count == 0) fail_by_version();
    if (hook.env.list == NULL) hook.env.list = calloc(1, sizeof *hook.env.list);
    if (hook.env.list == NULL) fail("there is no memory for a hook");
    return hook;
}

// Gives a file with the text, to be read from its beginning.
static int file_with(const char *text) {
    int fd = memfd_create("state", MFD_CLOEXEC);
    for (size_t left = strlen(text); fd >= 0 && left > 0;) {
        ssize_t n = write(fd, text, left);
        if (n < 0 && errno != EINTR) fail("cannot write the state for a hook: %s", reason(errno));
        if (n > 0) text += n, left -= (size_t)n;
    }
    if (fd < 0 || lseek(fd, 0, SEEK_SET) != 0) fail("cannot make a file for a hook: %s", reason(errno));
    return fd;
}

// Runs in the child. It has the state and its output as its streams, and no other descriptor. It ends with
// this program, unless it has to be whole.
static _Noreturn void become(const struct hook *hook, int input, int output) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (!hook->is_whole) prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    bool ready = dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
                 dup2(output, STDERR_FILENO) >= 0 &&
                 syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0 &&
                 chdir(hook->directory) == 0 && (hook->prepare == NULL || hook->prepare(hook->argument));
    if (ready) execve(hook->program, hook->args.list, hook->has_env ? hook->env.list : environ);
    dprintf(STDERR_FILENO, "cannot execute it: %s", reason(errno));
    _exit(CANNOT_EXECUTE);
}

static struct running start(const struct hook *hook) {
    struct running running = {.pidfd = -1};
    int output[2], input = file_with(hook->input);
    if (pipe2(output, O_CLOEXEC) < 0 || fcntl(output[0], F_SETFL, O_NONBLOCK) < 0)
        fail("cannot make a pipe for a hook: %s", reason(errno));
    running.pid = fork();
    if (running.pid == 0) become(hook, input, output[1]);
    if (running.pid > 0) running.pidfd = (int)syscall(SYS_pidfd_open, running.pid, 0);
    if (running.pidfd < 0) fail("cannot make a process for a hook: %s", reason(errno));
    close(input);
    close(output[1]);
    running.output = output[0];
    return running;
}

// Reads what the pipe has, and keeps the end of it. Gives false at the end of the pipe.
static bool collect(struct running *running) {
    char piece[MAX_OUTPUT];
    ssize_t n = read(running->output, piece, sizeof piece);
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    size_t length = (size_t)n, before = running->length;
    size_t kept = before + length > MAX_OUTPUT ? MAX_OUTPUT - length : before;
    memmove(running->kept, running->kept + before - kept, kept);
    memcpy(running->kept + kept, piece, length);
    running->length = kept + length;
    return n > 0;
}

static void end_all_of(const struct running *running) {
    kill(-running->pid, SIGKILL);
    kill(running->pid, SIGKILL); // it may not have come to its session
}

// Waits until the hook has ended. Gives false where its time is over. Processes that it leaves behind may keep its
// output open: nobody waits for them.
static bool await_hook(int niwad, const struct hook *hook, struct running *running) {
    long deadline = hook->timeout_ms < 0 ? 0 : now_ms() + hook->timeout_ms;
    struct pollfd ready[] = {
        {.fd = running->pidfd, .events = POLLIN},
        {.fd = running->output, .events = POLLIN},
        {.fd = niwad, .events = POLLRDHUP},
    };
    while (ready[0].revents == 0) {
        long left = hook->timeout_ms < 0 ? -1 : deadline - now_ms();
        if (hook->timeout_ms >= 0 && left <= 0) return false;
        if (poll(ready, 3, left > 60000 ? 60000 : (int)left) < 0 && errno != EINTR) return false;
        if (ready[2].revents != 0 && !hook->is_whole) {
            end_all_of(running);
            fail("niwad has ended while a hook ran");
        }
        if (ready[2].revents != 0) running->is_alone = true, ready[2].fd = -1;
        if (ready[1].revents != 0 && !collect(running)) ready[1].fd = -1;
    }
    for (int pieces = 0; pieces < PIPE_PIECES && poll(&ready[1], 1, 0) > 0 && collect(running);) pieces++;
    return true;
}

struct ending run_hook(int niwad, const struct hook *hook) {
    struct running running = start(hook);
    bool in_time = await_hook(niwad, hook, &running);
    if (!in_time) end_all_of(&running);
    siginfo_t info = {0};
    while (waitid((idtype_t)P_PIDFD, (id_t)running.pidfd, &info, WEXITED) < 0 && errno == EINTR) continue;
    struct ending ending = {
        .end = !in_time                     ? HOOK_TIMED_OUT
               : info.si_code == CLD_EXITED ? HOOK_EXITED
                                            : HOOK_SIGNALLED,
        .status = info.si_status,
        .length = running.length,
        .is_alone = running.is_alone,
    };
    memcpy(ending.output, running.kept, running.length);
    close(running.pidfd);
    close(running.output);
    return ending;
}

void tell_ended(int niwad, const struct ending *ending) {
    struct buffer body = {0};
    buffer_add(&body, &ending->end, sizeof ending->end);
    buffer_add(&body, &ending->status, sizeof ending->status);
    buffer_add(&body, ending->output, ending->length);
    send_frame(niwad, FRAME_ENDED, &body, NULL, 0);
    free(body.bytes);
}

struct frame receive_answer(int niwad) {
    return answer_after(niwad, receive_frame(niwad));
}

struct frame answer_after(int niwad, struct frame frame) {
    while (frame.kind == FRAME_HOOK) {
        struct hook hook = read_hook(&frame);
        free(frame.body);
        struct ending ending = run_hook(niwad, &hook);
        tell_ended(niwad, &ending);
        frame = receive_frame(niwad);
    }
    return frame;
}
