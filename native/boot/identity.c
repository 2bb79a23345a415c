// User, groups and capabilities of the workload.
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "interpreter.h"

// own-streams(uid, gid): gives the standard streams to a user, as far as they are pipes: a program that opens
// /dev/stdout opens its pipe again, by the rights of its user. A file or a device of the host keeps its owner.
int op_own_streams(struct boot *boot, const struct op *op) {
    (void)boot;
    struct stat status;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        bool is_pipe = fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
        // a pipe that cannot have another owner works as before
        if (is_pipe) (void)syscall(SYS_fchown, fd, (uid_t)op->numbers[0], (gid_t)op->numbers[1]);
    }
    return 0;
}

// join-user(uid, gid): enters the container's user namespace, as these ids in it. The process then has all capabilities
// in that user namespace and none over the host. It has none over its other namespaces either: the host's user
// namespace owns them.
int op_join_user(struct boot *boot, const struct op *op) {
    (void)boot;
    uid_t uid = (uid_t)op->numbers[0];
    gid_t gid = (gid_t)op->numbers[1];
    bool joined = setns(CONTAINER_FD, CLONE_NEWUSER) == 0 && setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
                  setresuid(uid, uid, uid) == 0;
    return joined ? 0 : -errno;
}

// capbset(mask): drops every capability outside the mask from the bounding set, up to the last one of this kernel.
int op_capbset(struct boot *boot, const struct op *op) {
    (void)boot;
    for (unsigned long cap = 0;; cap++) {
        bool keep = cap < 64 && (op->numbers[0] >> cap & 1) != 0;
        if (!keep && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            return errno == EINVAL ? 0 : -errno; // EINVAL: no more capabilities
    }
}

// user(uid, gid, supplementary gid...): sets user and groups, with the groups of op_account(). The permitted
// capabilities are kept over the change; op_capset() reduces them.
int op_user(struct boot *boot, const struct op *op) {
    uid_t uid = (uid_t)op->numbers[0];
    gid_t gid = (gid_t)op->numbers[1];
    size_t count = op->number_count - 2;
    gid_t *groups = calloc(count + boot->group_count + 1, sizeof *groups);
    if (groups == NULL) return -ENOMEM;
    for (size_t i = 0; i < count; i++) groups[i] = (gid_t)op->numbers[2 + i];
    memcpy(groups + count, boot->groups, boot->group_count * sizeof *groups);
    int failed = prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(count + boot->group_count, groups) < 0 ||
                 setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0;
    int error = failed ? -errno : 0;
    free(groups);
    return error;
}

// capset(effective, inheritable, ambient, permitted): masks, see capabilities(7). Without the last one, the permitted
// capabilities are the effective ones.
int op_capset(struct boot *boot, const struct op *op) {
    (void)boot;
    uint64_t permitted = op->number_count > 3 ? op->numbers[3] : op->numbers[0];
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    for (int word = 0; word < 2; word++) {
        data[word].effective = (uint32_t)(op->numbers[0] >> (32 * word));
        data[word].permitted = (uint32_t)(permitted >> (32 * word));
        data[word].inheritable = (uint32_t)(op->numbers[1] >> (32 * word));
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || syscall(SYS_capset, &header, data) < 0)
        return -errno;
    for (unsigned long cap = 0; cap < 64; cap++)
        if ((op->numbers[2] >> cap & 1) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
            return -errno;
    return 0;
}

// no-new-privs(): no setuid program or file capability can give the workload more than it has.
int op_no_new_privs(struct boot *boot, const struct op *op) {
    (void)boot, (void)op;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}
