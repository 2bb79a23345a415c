// Locks on files and directories that only one niwad may use.
#pragma once
#include <string>

// Locks a directory for this process with flock(2), until the end of the process. The lock is on the directory itself,
// under whatever name. Gives 0, -EWOULDBLOCK where another process has the lock, or another negative errno.
int hold_directory(const std::string &path);

// Locks a file likewise; makes it with mode 0600 where it is missing. It is opened for writing and neither read nor
// written, so that also cgroup.kill of a group can be locked. Follows no link (-ELOOP).
int hold_file(const std::string &path);
