#include "kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../boot/report.h"
#include "log.h"
#include "order.h"

#define FIRST_FD 3
// Numbers above the kept ones: for niwa-boot, its socket, the first process and the descriptors of the order, see
// become_boot().
#define SPARE_FDS (3 + MAX_PLACED)

// Which of the numbers from 3 on the caller has open. The others are left out: the caller may not know each of them.
static bool is_open[MAX_KEPT];

static size_t count_of(const char *text, const char *what) {
    if (text == NULL) return 0;
    char *end;
    unsigned long count = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != 0 || count > MAX_KEPT)
        fail("%s has to be a number from 0 to %d: %s", what, MAX_KEPT, text);
    return count;
}

// LISTEN_FDS is for the process of LISTEN_PID alone, where that is set: it may be meant for a parent of this program.
static size_t sockets_given(void) {
    const char *owner = getenv("LISTEN_PID");
    if (owner != NULL && strtol(owner, NULL, 10) != getpid()) return 0;
    return count_of(getenv("LISTEN_FDS"), "LISTEN_FDS");
}

struct kept kept_of(const struct command *command, bool sockets) {
    struct kept kept = {.sockets = sockets ? sockets_given() : 0};
    kept.all = kept.sockets + count_of(option(command, "preserve-fds"), "--preserve-fds");
    if (kept.all > MAX_KEPT) fail("more than %d descriptors are to be preserved", MAX_KEPT);
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    if (kept.all > 0 && files.rlim_cur < KEPT_FD + kept.all + SPARE_FDS)
        fail("%zu descriptors are to be preserved: the limit of open files (RLIMIT_NOFILE) has to be %zu", kept.all,
             KEPT_FD + kept.all + SPARE_FDS);
    // those that this program has opened are closed by an exec: they are none of the caller's
    for (size_t i = 0; i < kept.all; i++) is_open[i] = fcntl(FIRST_FD + (int)i, F_GETFD) == 0;
    return kept;
}

void request_groups(struct buffer *request) {
    struct buffer list = {0};
    int count = getgroups(0, NULL);
    gid_t *groups = count > 0 ? calloc((size_t)count, sizeof *groups) : NULL;
    count = groups == NULL ? 0 : getgroups(count, groups);
    for (int i = 0; i < count; i++) {
        char number[16];
        int length = snprintf(number, sizeof number, "%s%u", i == 0 ? "" : ",", groups[i]);
        buffer_add(&list, number, (size_t)length);
    }
    buffer_add(&list, "", 1);
    if (count > 0) request_add(request, "groups", list.bytes);
    free(list.bytes);
    free(groups);
}

int place_kept(size_t count) {
    for (size_t i = 0; i < count; i++)
        if (is_open[i] && dup2(FIRST_FD + (int)i, KEPT_FD + (int)i) < 0) return -errno;
    return 0;
}
