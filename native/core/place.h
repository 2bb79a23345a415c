// What the kernel knows of an open file without asking its file system.
#pragma once
#include <cstdint>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U
#endif

// `mount` is the number of its mount, which the kernel never uses again; 0 where the kernel has no such numbers (before
// Linux 6.8). `mode` and `inode` are 0 where they are not known. `device` and `inode` are those of stat(2).
struct Place {
    uint64_t mount = 0;
    mode_t mode = 0;
    dev_t device = 0;
    ino_t inode = 0;
};

inline Place place_of(int fd) {
    struct statx status = {};
    int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
    if (statx(fd, "", flags, STATX_TYPE | STATX_INO | STATX_MNT_ID_UNIQUE, &status) < 0) return {};
    return {(status.stx_mask & STATX_MNT_ID_UNIQUE) != 0 ? status.stx_mnt_id : 0,
            (status.stx_mask & STATX_TYPE) != 0 ? status.stx_mode : mode_t{0},
            makedev(status.stx_dev_major, status.stx_dev_minor),
            (status.stx_mask & STATX_INO) != 0 ? status.stx_ino : ino_t{0}};
}
