// Runs a boot program. Each operation is a function: it takes the arguments and gives 0 or a negative errno.
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "program.h"

// The descriptor of the container's user namespace, where it has one. For an exec: the pidfd of the first process.
#define CONTAINER_FD 4
// The detached mount of the image of the root, where it has one. For an exec: the program of op_exec_image().
#define IMAGE_FD 5
// How many groups of /etc/group a user gets at most.
#define MAX_GROUPS 1000

// The state that operations share while a program runs.
struct boot {
    int control; // the socket to niwad: reports go out, the word to start comes in
    int root;    // O_PATH descriptor of the container's root, -1 before OP_ROOT
    // The owner of files that are made in the root: the host ids of the container's root user.
    uid_t owner_uid;
    gid_t owner_gid;
    // Whether op_chdir() has entered the working directory of the workload before the change of user.
    bool in_cwd;
    // What op_mount() mounted on /proc and /sys of the root, -1 before; the paths may lead elsewhere later.
    int proc, sys;
    // The directory that the last mknod or symlink operation was in, -1 for none, and its path (without NUL).
    int parent;
    const char *parent_path;
    size_t parent_length;
    // Set by OP_ACCOUNT from files of the container: "HOME=...", "HOSTNAME=...", or NULL, and the groups of the user.
    char *home, *hostname;
    size_t group_count;
    gid_t groups[MAX_GROUPS];
};

typedef int op_function(struct boot *boot, const struct op *op);

// namespace.c
op_function op_setns, op_unshare, op_hostname, op_domainname, op_link_up;
// root.c
op_function op_root, op_show_root, op_remount_root, op_pivot, op_mkdir, op_symlink, op_mknod;
// mount.c
op_function op_mount, op_bind, op_image, op_readonly, op_mask, op_place_file;
// change.c
op_function op_propagation, op_private_above;
// schedule.c
op_function op_cpus, op_scheduler, op_io_priority, op_memory_policy, op_personality;
// overlay.c
op_function op_overlay, op_upper;
// account.c
op_function op_account;
// identity.c
op_function op_own_streams, op_join_user, op_capbset, op_user, op_capset, op_no_new_privs;
// process.c
op_function op_write, op_sysctl, op_rlimit, op_umask, op_chdir, op_setsid, op_pause, op_wait, op_close_fds, op_keep_fds,
    op_seccomp, op_seccomp_flags, op_seccomp_listener, op_exec, op_exec_image, op_find_program;
// enter.c
op_function op_undumpable, op_enter, op_be_born;
// terminal.c
op_function op_terminal;
// hook.c
op_function op_hook;
// init.c
op_function op_init;

// Runs the operations one after another; the last one execs the workload, so that this returns only on failure.
// Gives the negative errno; `step` is the index of the operation that failed.
int interpret(struct boot *boot, struct program *program, uint32_t *step);
