// Loads and unloads modules of the kernel. The image is no module: a kernel that reads it says so (ENOEXEC).
#include "report.h"

int main(void) {
    static char image[4096] = "no module";
    tried("init_module", syscall(SYS_init_module, image, sizeof image, ""));
    int fd = open("/attack", O_RDONLY);
    if (fd < 0) fd = open("/proc/self/exe", O_RDONLY);
    tried("finit_module", syscall(SYS_finit_module, fd, "", 0));
    tried("delete_module", syscall(SYS_delete_module, "niwa_no_such_module", O_NONBLOCK));
    return 0;
}
