// What one daemon alone may use.
#pragma once
#include <string>

// Takes a directory for this process with flock(2): whatever its name, and until the end of the process. Gives 0,
// -EWOULDBLOCK where another process has it, or another negative errno.
int hold_directory(const std::string &path);

// The same of a file, which is made with mode 0600 where it is not there, and never read: cgroup.kill of a group will
// do. A link is not followed (-ELOOP).
int hold_file(const std::string &path);
