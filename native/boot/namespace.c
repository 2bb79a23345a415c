// Joins or makes namespaces, and sets host name and interfaces in them.
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "interpreter.h"

// setns(type, path): joins the namespace of the file `path`, such as /proc/PID/ns/net.
int op_setns(struct boot *boot, const struct op *op) {
    (void)boot;
    int fd = open(op->strings[0], O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int error = setns(fd, (int)op->numbers[0]) < 0 ? -errno : 0;
    close(fd);
    return error;
}

// unshare(flags). The cgroup namespace is made here and not by clone3, which would use the group of the parent as its
// root.
int op_unshare(struct boot *boot, const struct op *op) {
    (void)boot;
    return unshare((int)op->numbers[0]) < 0 ? -errno : 0;
}

// hostname(name)
int op_hostname(struct boot *boot, const struct op *op) {
    (void)boot;
    return sethostname(op->strings[0], strlen(op->strings[0])) < 0 ? -errno : 0;
}

// domainname(name)
int op_domainname(struct boot *boot, const struct op *op) {
    (void)boot;
    return syscall(SYS_setdomainname, op->strings[0], strlen(op->strings[0])) < 0 ? -errno : 0;
}

// link-up(interface): sets IFF_UP, see netdevice(7).
int op_link_up(struct boot *boot, const struct op *op) {
    (void)boot;
    struct ifreq request = {0};
    if (strlen(op->strings[0]) >= sizeof request.ifr_name) return -ENAMETOOLONG;
    strcpy(request.ifr_name, op->strings[0]);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int error = ioctl(fd, SIOCGIFFLAGS, &request) < 0 ? -errno : 0;
    request.ifr_flags |= IFF_UP;
    if (error == 0 && ioctl(fd, SIOCSIFFLAGS, &request) < 0) error = -errno;
    close(fd);
    return error;
}
