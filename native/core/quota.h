// Project quotas of ext4 and XFS, see quotactl_fd(2).
#pragma once
#include <cstdint>
#include <string>

// Bounds what `directory`/upper and /work, made where missing, may hold of what is written from now on: bytes, and one
// inode for every 4 KiB of them. Both belong to a project that stays theirs, so that what they hold counts the next
// time too. With 0 bytes the bound is taken away, where there is one of ours. No link is followed. Gives 0 or a
// negative errno: EOPNOTSUPP, ENOTTY, ENOSYS or ESRCH where the file system has no project quota.
int limit_directory(const std::string &directory, uint64_t bytes);
