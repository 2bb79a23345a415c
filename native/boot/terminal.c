// Sessions and terminals: leaving the terminal of the parent, and making a pty of the container's devpts.
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "interpreter.h"
#include "mount.h"
#include "report.h"

// setsid([keeps keyring]): gives the workload a new session without a controlling terminal, and a new session keyring
// instead of that of its parent, where the kernel has keyrings.
int op_setsid(struct boot *boot, const struct op *op) {
    (void)boot;
    if (setsid() < 0) return -errno;
    if (op->number_count > 0 && op->numbers[0] != 0) return 0;
    return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS ? -errno : 0;
}

static bool is_on_devpts(int fd) {
    struct statfs status;
    return fstatfs(fd, &status) == 0 && status.f_type == DEVPTS_SUPER_MAGIC;
}

// Opens ptmx of the container's devpts. In a devpts only the kernel makes files. Follows no link to it, and opens
// nothing that is mounted over its ptmx: a container may have put something else there (CVE-2025-52565).
static int open_ptmx(void) {
    struct open_how directory = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                                 .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    struct open_how file = {.flags = O_RDWR | O_NOCTTY | O_CLOEXEC,
                            .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV | RESOLVE_BENEATH};
    int pts = (int)syscall(SYS_openat2, AT_FDCWD, "/dev/pts", &directory, sizeof directory);
    if (pts < 0) return -errno;
    int master = -1;
    int error = -ENODEV;
    if (is_on_devpts(pts)) {
        master = (int)syscall(SYS_openat2, pts, "ptmx", &file, sizeof file);
        error = master < 0 ? -errno : 0;
    }
    close(pts);
    struct stat status;
    if (error == 0 && (fstat(master, &status) < 0 || !S_ISCHR(status.st_mode) || status.st_rdev != makedev(5, 2)))
        error = -ENODEV;
    if (error == 0) return master;
    if (master >= 0) close(master);
    return error;
}

// Sends the master side to niwad.
static int send_terminal(int control, int master) {
    struct boot_report report = {.kind = BOOT_TERMINAL};
    struct iovec part = {&report, sizeof report};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } rights = {0};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = rights.bytes, .msg_controllen = sizeof rights.bytes};
    struct cmsghdr *right = CMSG_FIRSTHDR(&message);
    right->cmsg_level = SOL_SOCKET;
    right->cmsg_type = SCM_RIGHTS;
    right->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(right), &master, sizeof(int));
    return sendmsg(control, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

// Opens the slave side by the master and not by a path, see TIOCGPTPEER in ioctl_tty(2).
static int use_terminal(int master, unsigned short rows, unsigned short columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    int unlock = 0;
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0) return -errno;
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    if (slave < 0) return -errno;
    bool used = (rows == 0 || ioctl(slave, TIOCSWINSZ, &size) == 0) && ioctl(slave, TIOCSCTTY, 0) == 0;
    for (int fd = 0; used && fd < 3; fd++) used = dup2(slave, fd) >= 0;
    int error = used ? 0 : -errno;
    close(slave);
    return error;
}

// Opens /dev/console, an empty file that is made where it is missing. Nothing on the way to it may be a link: what is
// mounted there would cover another file (CVE-2025-52565).
static int open_console(void) {
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    int devices = (int)syscall(SYS_openat2, AT_FDCWD, "/dev", &how, sizeof how);
    if (devices < 0) return -errno;
    int made = openat(devices, "console", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int error = made < 0 && errno != EEXIST ? -errno : 0;
    if (made >= 0) close(made);
    how.flags = O_PATH | O_CLOEXEC;
    int console = error < 0 ? error : (int)syscall(SYS_openat2, devices, "console", &how, sizeof how);
    if (error == 0 && console < 0) console = -errno;
    close(devices);
    return console;
}

// Gives the terminal, which is the standard input, to a user, and shows it at /dev/console, too.
static int show_at_console(uid_t owner) {
    if (syscall(SYS_fchown, STDIN_FILENO, owner, (gid_t)-1) < 0) return -errno;
    int copy = open_tree(STDIN_FILENO, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    return copy < 0 ? -errno : attach(copy, open_console());
}

// terminal(rows, columns, [owner]): makes a pty of the container's own devpts, takes it as the controlling terminal and
// the standard streams, and sends its master to niwad. The owner of the pty is the user of this process, or `owner`:
// then it is at /dev/console, too.
int op_terminal(struct boot *boot, const struct op *op) {
    int master = open_ptmx();
    if (master < 0) return master;
    int error = use_terminal(master, (unsigned short)op->numbers[0], (unsigned short)op->numbers[1]);
    if (error == 0 && op->number_count > 2) error = show_at_console((uid_t)op->numbers[2]);
    if (error == 0) error = send_terminal(boot->control, master);
    close(master);
    return error;
}
