// Project quotas of ext4 and XFS, see quotactl_fd(2).
#pragma once
#include <cstdint>
#include <string>

// Limits how much can be written to `directory`/upper and `directory`/work from now on: bytes, and one inode for every
// 4 KiB of them. Makes both directories where they are missing. Both stay in one quota project, so that what they hold
// counts also when they are limited again. With 0 bytes, takes a limit of ours away. No link is followed. Gives 0 or a
// negative errno: EOPNOTSUPP, ENOTTY, ENOSYS or ESRCH where the file system has no project quota.
int limit_directory(const std::string &directory, uint64_t bytes);
