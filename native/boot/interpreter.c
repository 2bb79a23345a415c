#include "interpreter.h"

#include <errno.h>

#include "root.h"

// The function of each operation, and how many arguments it needs at least.
static const struct {
    op_function *run;
    uint16_t numbers;
    uint16_t strings;
} operations[OP_LAST + 1] = {
    [OP_SETNS] = {op_setns, 1, 1},
    [OP_UNSHARE] = {op_unshare, 1, 0},
    [OP_PROPAGATION] = {op_propagation, 1, 0},
    [OP_WRITE] = {op_write, 0, 2},
    [OP_MOUNT] = {op_mount, 2, 3},
    [OP_BIND] = {op_bind, 5, 2},
    [OP_ROOT] = {op_root, 2, 1},
    [OP_MKDIR] = {op_mkdir, 4, 1},
    [OP_SYMLINK] = {op_symlink, 0, 2},
    [OP_MKNOD] = {op_mknod, 2, 1},
    [OP_READONLY] = {op_readonly, 0, 1},
    [OP_MASK] = {op_mask, 0, 1},
    [OP_REMOUNT_ROOT] = {op_remount_root, 1, 0},
    [OP_PIVOT] = {op_pivot, 0, 0},
    [OP_HOSTNAME] = {op_hostname, 0, 1},
    [OP_LINK_UP] = {op_link_up, 0, 1},
    [OP_RLIMIT] = {op_rlimit, 3, 0},
    [OP_UMASK] = {op_umask, 1, 0},
    [OP_CHDIR] = {op_chdir, 0, 1},
    [OP_CAPBSET] = {op_capbset, 1, 0},
    [OP_USER] = {op_user, 2, 0},
    [OP_CAPSET] = {op_capset, 3, 0},
    [OP_NO_NEW_PRIVS] = {op_no_new_privs, 0, 0},
    [OP_SETSID] = {op_setsid, 0, 0},
    [OP_WAIT] = {op_wait, 0, 0},
    [OP_INIT] = {op_init, 0, 0},
    [OP_EXEC] = {op_exec, 3, 1},
    [OP_JOIN_USER] = {op_join_user, 2, 0},
    [OP_CLOSE_FDS] = {op_close_fds, 0, 0},
    [OP_SECCOMP] = {op_seccomp, 1, 0},
    [OP_UNDUMPABLE] = {op_undumpable, 0, 0},
    [OP_ENTER] = {op_enter, 1, 0},
    [OP_TERMINAL] = {op_terminal, 2, 0},
    [OP_OVERLAY] = {op_overlay, 3, 3},
    [OP_IMAGE] = {op_image, 1, 1},
    [OP_UPPER] = {op_upper, 3, 2},
    [OP_PLACE_FILE] = {op_place_file, 2, 2},
    [OP_ACCOUNT] = {op_account, 2, 1},
    [OP_SYSCTL] = {op_sysctl, 0, 2},
    [OP_EXEC_IMAGE] = {op_exec_image, 0, 1},
    [OP_FIND_PROGRAM] = {op_find_program, 0, 2},
    [OP_PRIVATE_ABOVE] = {op_private_above, 0, 1},
    [OP_DOMAINNAME] = {op_domainname, 0, 1},
    [OP_SCHEDULER] = {op_scheduler, 7, 0},
    [OP_IO_PRIORITY] = {op_io_priority, 1, 0},
    [OP_PERSONALITY] = {op_personality, 1, 0},
    [OP_KEEP_FDS] = {op_keep_fds, 1, 0},
    [OP_SECCOMP_FLAGS] = {op_seccomp_flags, 2, 0},
    [OP_BE_BORN] = {op_be_born, 0, 0},
    [OP_CPUS] = {op_cpus, 1, 0},
    [OP_MEMORY_POLICY] = {op_memory_policy, 1, 0},
    [OP_OWN_STREAMS] = {op_own_streams, 2, 0},
    [OP_SECCOMP_LISTENER] = {op_seccomp_listener, 2, 0},
    [OP_PAUSE] = {op_pause, 0, 0},
    [OP_HOOK] = {op_hook, 2, 4},
    [OP_SHOW_ROOT] = {op_show_root, 0, 1},
};

int interpret(struct boot *boot, struct program *program, uint32_t *step) {
    struct op op;
    int more;
    for (*step = 0; (more = program_next(program, &op)) > 0; (*step)++) {
        if (operations[op.code].run == NULL || op.number_count < operations[op.code].numbers ||
            op.string_count < operations[op.code].strings)
            return -EBADMSG;
        if (op.code != OP_MKNOD && op.code != OP_SYMLINK) forget_parent(boot);
        int error = operations[op.code].run(boot, &op);
        if (error < 0) return error;
    }
    return more < 0 ? more : -EBADMSG; // the program has no exec
}
