// Types into the terminal that it was given, if any: TIOCSTI, and TIOCLINUX's paste.
#include <sys/ioctl.h>

#include "report.h"

static void type_into(const char *what, int fd) {
    char name[64];
    snprintf(name, sizeof name, "TIOCSTI on %s", what);
    tried(name, ioctl(fd, TIOCSTI, "x"));
    snprintf(name, sizeof name, "TIOCLINUX on %s", what);
    tried(name, ioctl(fd, TIOCLINUX, "\3"));
}

int main(void) {
    type_into("stdin", 0);
    type_into("stdout", 1);
    type_into("stderr", 2);
    tried("open /dev/tty", open("/dev/tty", O_RDWR));
    tried("open /dev/console", open("/dev/console", O_RDWR));
    return 0;
}
