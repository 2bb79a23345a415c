// Calls what acts on the whole machine, with arguments that the kernel refuses for other reasons than rights, if it
// gets as far as looking at them.
#include <sys/klog.h>
#include <sys/quota.h>
#include <sys/swap.h>
#include <sys/time.h>

#include "report.h"

int main(void) {
    struct timespec time = {.tv_nsec = -1};
    tried("reboot", syscall(SYS_reboot, 0, 0, 0, NULL)); // no magic numbers
    tried("kexec_load", syscall(SYS_kexec_load, 0, 1L << 20, NULL, 0));
    tried("swapon", swapon("/niwa/no/such/file", 0));
    tried("acct", syscall(SYS_acct, "/niwa/no/such/file"));
    tried("clock_settime", syscall(SYS_clock_settime, 0, &time));
    tried("settimeofday", syscall(SYS_settimeofday, &(struct timeval){.tv_usec = -1}, NULL));
    tried("sethostname", syscall(SYS_sethostname, "", -1));
    tried("syslog", klogctl(10, NULL, 0)); // the size of the kernel's log
    tried("quotactl", syscall(SYS_quotactl, QCMD(Q_SYNC, 0), "/niwa/no/such/file", 0, NULL));
#if defined(__x86_64__)
    tried("iopl", syscall(SYS_iopl, 4));
    tried("ioperm", syscall(SYS_ioperm, 1L << 20, 1, 1));
#endif
    return 0;
}
