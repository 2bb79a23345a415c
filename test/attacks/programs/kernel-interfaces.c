// Opens interfaces of the kernel that were ways into it again and again.
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>

#include "report.h"

int main(void) {
    union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    struct perf_event_attr event = {
        .type = PERF_TYPE_SOFTWARE, .size = sizeof event, .config = PERF_COUNT_SW_CPU_CLOCK};
    struct io_uring_params ring = {0};
    tried("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map));
    tried("perf_event_open", syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
    tried("io_uring_setup", syscall(SYS_io_uring_setup, 1, &ring));
    tried("userfaultfd", syscall(SYS_userfaultfd, O_CLOEXEC));
    return 0;
}
