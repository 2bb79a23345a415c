// Makes MOUNTPOINT writable again, then writes TEXT into PATH.
#include <sys/mount.h>

#include "report.h"

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    tried("remount", mount(NULL, argv[1], NULL, MS_REMOUNT | MS_BIND, NULL));
    int fd = open(argv[2], O_WRONLY);
    tried("write", fd < 0 ? -1 : write(fd, argv[3], strlen(argv[3])));
    return 0;
}
