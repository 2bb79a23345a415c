// How the kernel treats the process: scheduling, I/O priority, memory policy, personality.
#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "interpreter.h"

// struct sched_attr of sched_setattr(2), as of its second version.
struct scheduling {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period; // in nanoseconds
    uint32_t util_min, util_max;        // of 1024
};

#define MOST_UTIL 1024

// scheduler(policy, flags, nice + 20, priority, runtime, deadline, period)
int op_scheduler(struct boot *boot, const struct op *op) {
    (void)boot;
    struct scheduling wanted = {
        .size = sizeof wanted,
        .policy = (uint32_t)op->numbers[0],
        .flags = op->numbers[1],
        .nice = (int32_t)op->numbers[2] - 20,
        .priority = (uint32_t)op->numbers[3],
        .runtime = op->numbers[4],
        .deadline = op->numbers[5],
        .period = op->numbers[6],
        .util_max = MOST_UTIL, // the OCI names no values: with the flags, these of a process without them
    };
    return syscall(SYS_sched_setattr, 0, &wanted, 0) < 0 ? -errno : 0;
}

#define IOPRIO_WHO_PROCESS 1

// io-priority(class and priority, as in ioprio_set(2))
int op_io_priority(struct boot *boot, const struct op *op) {
    (void)boot;
    return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, op->numbers[0]) < 0 ? -errno : 0;
}

// cpus(word of the mask of CPUs...): lets the process run on these CPUs, as far as its group does, see
// sched_setaffinity(2).
int op_cpus(struct boot *boot, const struct op *op) {
    (void)boot;
    size_t bytes = op->number_count * sizeof *op->numbers;
    return syscall(SYS_sched_setaffinity, 0, bytes, op->numbers) < 0 ? -errno : 0;
}

// memory-policy(mode with flags, word of the mask of nodes...), see set_mempolicy(2). The system call takes the number
// of the bits of the mask, and one more.
int op_memory_policy(struct boot *boot, const struct op *op) {
    (void)boot;
    size_t words = op->number_count - 1;
    const uint64_t *mask = words == 0 ? NULL : op->numbers + 1;
    size_t bits = words == 0 ? 0 : 64 * words + 1;
    return syscall(SYS_set_mempolicy, op->numbers[0], mask, bits) < 0 ? -errno : 0;
}

// personality(persona), see personality(2)
int op_personality(struct boot *boot, const struct op *op) {
    (void)boot;
    return syscall(SYS_personality, op->numbers[0]) < 0 ? -errno : 0;
}
