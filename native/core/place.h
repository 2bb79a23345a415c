// What the kernel knows of an open file without asking its file system.
#pragma once
#include <cstdint>
#include <fcntl.h>
#include <sys/stat.h>

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U
#endif

// `mount` is the number of its mount, which the kernel never uses again; 0 where the kernel has no such numbers (before
// Linux 6.8). `mode` is 0 where it is not known.
struct Place {
    uint64_t mount = 0;
    mode_t mode = 0;
};

inline Place place_of(int fd) {
    struct statx status = {};
    int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
    if (statx(fd, "", flags, STATX_TYPE | STATX_MNT_ID_UNIQUE, &status) < 0) return {};
    return {(status.stx_mask & STATX_MNT_ID_UNIQUE) != 0 ? status.stx_mnt_id : 0,
            (status.stx_mask & STATX_TYPE) != 0 ? status.stx_mode : mode_t{0}};
}
