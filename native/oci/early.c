// No function of the C library works here, nor its memory of a thread: errno, the stack protector. The compiler may
// make no call of memcpy() or memset() from a loop.
#pragma GCC optimize("no-stack-protector", "no-tree-loop-distribute-patterns")

#include "early.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "../boot/libc/call.h"
#include "early_words.h"
#include "version.h"
#include "wire.h"

#define MAX_REQUEST (512 << 10) // a longer one is sent by main()
#define MAX_ANSWER (64 << 10)
#define MAX_GROUPS 256

static struct {
    uint32_t kind, length;
    char texts[MAX_REQUEST];
} request;
static char answer[MAX_ANSWER];
static char directory[PATH_MAX];
static struct sockaddr_un address;

static bool add(const char *bytes, size_t length) {
    if (MAX_REQUEST - request.length < length) return false;
    for (size_t i = 0; i < length; i++) request.texts[request.length++] = bytes[i];
    return true;
}

static bool add_text(const char *name, const char *value) {
    uint32_t length = (uint32_t)(length_of(name) + 1 + length_of(value));
    return add((const char *)&length, sizeof length) && add(name, length_of(name)) && add("=", 1) &&
           add(value, length_of(value));
}

static bool add_number(uint32_t number) {
    char digits[10];
    size_t at = sizeof digits;
    do digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return add(digits + at, sizeof digits - at);
}

// Writes the length of a text that begins at a place, when its end is there.
static void count_text(size_t begin) {
    uint32_t length = (uint32_t)(request.length - begin - sizeof length);
    for (size_t i = 0; i < sizeof length; i++) request.texts[begin + i] = ((const char *)&length)[i];
}

static bool begin_text(const char *name) {
    const uint32_t length = 0;
    return add((const char *)&length, sizeof length) && add(name, length_of(name)) && add("=", 1);
}

// Adds the supplementary groups of this program, as request_groups() does.
static bool add_groups(void) {
    static gid_t groups[MAX_GROUPS];
    long count = call(SYS_getgroups, MAX_GROUPS, (long)groups, 0, 0, 0, 0);
    size_t begin = request.length;
    if (count <= 0) return count == 0;
    bool is_added = begin_text("groups");
    for (long i = 0; is_added && i < count; i++) is_added = (i == 0 || add(",", 1)) && add_number(groups[i]);
    if (is_added) count_text(begin);
    return is_added;
}

// Adds the capabilities of this program, as request_capabilities() does.
static bool add_capabilities(void) {
    static struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    static struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    if (call(SYS_capget, (long)&head, (long)sets, 0, 0, 0, 0) < 0) return false;
    size_t begin = request.length;
    bool is_added =
        begin_text("capabilities") && add_number(sets[0].permitted) && add(",", 1) && add_number(sets[1].permitted);
    if (is_added) count_text(begin);
    return is_added;
}

// Adds the text of a file.
static bool add_file(const char *name, const char *path) {
    size_t begin = request.length;
    long fd = call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0), n = 1;
    if (fd < 0) return false;
    bool is_added = begin_text(name);
    while (is_added && n > 0 && request.length < MAX_REQUEST) {
        n = call(SYS_read, fd, (long)(request.texts + request.length), (long)(MAX_REQUEST - request.length), 0, 0, 0);
        if (n > 0) request.length += (uint32_t)n;
    }
    call(SYS_close, fd, 0, 0, 0, 0, 0);
    if (is_added) count_text(begin);
    return is_added && n == 0;
}

// Finds the path of the bundle from `/` on, without links, and with room for the name of the config.
static bool find_directory(const char *bundle) {
    const char name[] = "/config.json";
    long here = call(SYS_openat, AT_FDCWD, (long)".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
    if (here < 0) return false;
    bool is_there = bundle == NULL || call(SYS_chdir, (long)bundle, 0, 0, 0, 0, 0) == 0;
    long size = is_there ? call(SYS_getcwd, (long)directory, sizeof directory - sizeof name, 0, 0, 0, 0) : -1;
    bool is_back = call(SYS_fchdir, here, 0, 0, 0, 0, 0) == 0;
    call(SYS_close, here, 0, 0, 0, 0, 0);
    return size > 0 && is_back && directory[0] == '/';
}

static bool add_creation(const struct plain *plain) {
    if (!find_directory(plain->bundle) || !add_text("bundle", directory)) return false;
    if (is_text(plain->verb, "run") && !add_text("start", "true")) return false;
    if (is_text(plain->verb, "run") && !plain->detach && !add_text("foreground", "true")) return false;
    if (!add_groups() || !add_capabilities()) return false;
    size_t end = length_of(directory);
    for (size_t i = 0; i < sizeof "/config.json"; i++) directory[end + i] = "/config.json"[i];
    return add_file("config", directory);
}

static bool make_request(const struct plain *plain) {
    request.kind = FRAME_REQUEST;
    bool is_made = add_text("version", PROTOCOL_VERSION) &&
                   add_text("verb", makes_process(plain) ? "create" : plain->verb) && add_text("root", plain->root) &&
                   (!plain->force || add_text("force", "true")) && (!plain->all || add_text("all", "true"));
    for (size_t i = 0; is_made && i < plain->argument_count; i++) is_made = add_text("argument", plain->arguments[i]);
    return is_made && (!makes_process(plain) || add_creation(plain));
}

// Whether the standard streams are open: main() opens those that are not.
static bool has_streams(void) {
    for (long fd = 0; fd < 3; fd++)
        if (call(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0) < 0) return false;
    return true;
}

// Makes the log, as main() does before it asks.
static bool has_log(const char *path) {
    if (path == NULL) return true;
    long fd = call(SYS_openat, AT_FDCWD, (long)path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666, 0, 0);
    if (fd >= 0) call(SYS_close, fd, 0, 0, 0, 0, 0);
    return fd >= 0;
}

// Gives a connection to niwad, or a negative errno.
static long connect_early(const char *path) {
    address.sun_family = AF_UNIX;
    size_t length = length_of(path);
    if (length >= sizeof address.sun_path) return -1;
    for (size_t i = 0; i < length; i++) address.sun_path[i] = path[i];
    long fd = call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, 0, 0, 0);
    long error = fd < 0 ? fd : call(SYS_connect, fd, (long)&address, sizeof address, 0, 0, 0);
    if (fd >= 0 && error < 0) call(SYS_close, fd, 0, 0, 0, 0, 0);
    return error < 0 ? error : fd;
}

// Sends the request. One that is not sent whole does nothing: then main() sends it again.
static bool send_request(long fd) {
    const char *bytes = (const char *)&request;
    size_t length = offsetof(typeof(request), texts) + request.length;
    for (size_t sent = 0; sent < length;) {
        long n = call(SYS_sendto, fd, (long)(bytes + sent), (long)(length - sent), MSG_NOSIGNAL, 0, 0);
        if (n <= 0) return false;
        sent += (size_t)n;
    }
    return true;
}

static bool read_whole(long fd, void *bytes, size_t length) {
    for (size_t done = 0; done < length;) {
        long n = call(SYS_read, fd, (long)((char *)bytes + done), (long)(length - done), 0, 0, 0);
        if (n <= 0) return false;
        done += (size_t)n;
    }
    return true;
}

// Waits for the answer, prints it and ends the program. Another answer than FRAME_DONE, which needs no descriptor here,
// is left to main(), and so is the error where it cannot be written: main() has the log.
static void finish(long fd) {
    uint32_t head[2];
    if (!read_whole(fd, head, sizeof head)) return;
    if (head[0] != FRAME_DONE || head[1] > sizeof answer) {
        early.has_head = true;
        early.kind = head[0];
        early.length = head[1];
        return;
    }
    if (!read_whole(fd, answer, head[1])) return;
    long done = 0, n = 1;
    for (; n > 0 && done < head[1]; done += n)
        n = call(SYS_write, STDOUT_FILENO, (long)(answer + done), (long)head[1] - done, 0, 0, 0);
    early.write_error = n < 0 ? (int)-n : 0;
    if (n < 0) return;
    for (;;) call(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

void ask_early(char **stack);

// Called with what the kernel has put on the stack: the number of words, the words, the environment.
void ask_early(char **stack) {
    static struct plain plain;
    char **words = stack + 1, **environment = words + (size_t)stack[0] + 1;
    if (stack[0] == NULL || !read_words(words, &plain) || !read_environment(environment, &plain)) return;
    if (!has_streams() || !make_request(&plain) || !has_log(plain.log)) return;
    long fd = connect_early(plain.niwad);
    if (fd < 0) return;
    if (!send_request(fd)) {
        call(SYS_close, fd, 0, 0, 0, 0, 0);
        return;
    }
    early.niwad = (int)fd;
    early.asked = request.texts;
    early.asked_bytes = request.length;
    if (!makes_process(&plain)) finish(fd);
}

// The first instructions of the program. Then those of the C library follow, with the same stack.
#if defined(__x86_64__)
__asm__(".globl begin_early\n"
        "begin_early:\n\t"
        "xorl %ebp, %ebp\n\t"
        "movq %rsp, %rbx\n\t"
        "movq %rsp, %rdi\n\t"
        "andq $-16, %rsp\n\t"
        "callq ask_early\n\t"
        "movq %rbx, %rsp\n\t"
        "xorl %edx, %edx\n\t"
        "jmp _start\n");
#elif defined(__aarch64__)
__asm__(".globl begin_early\n"
        "begin_early:\n\t"
        "mov x29, xzr\n\t"
        "mov x30, xzr\n\t"
        "mov x19, sp\n\t"
        "mov x0, sp\n\t"
        "bl ask_early\n\t"
        "mov sp, x19\n\t"
        "mov x0, xzr\n\t"
        "mov x30, xzr\n\t"
        "b _start\n");
#else
#error "niwa runs on x86-64 and arm64"
#endif
