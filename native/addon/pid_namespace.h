// The PID namespace of the children of this thread.
#pragma once
#include <cerrno>
#include <fcntl.h>
#include <sched.h>

#include "../core/fd.h"

// Joins a PID namespace for the children of this thread, see setns(2); the destructor goes back to the own one.
class PidNamespaceGuard {
  public:
    // Joins the namespace of an open /proc/PID/ns/pid, or that of the process of a pidfd. Gives 0 or a negative errno.
    int join(int target) {
        own_.reset(open("/proc/thread-self/ns/pid", O_RDONLY | O_CLOEXEC));
        return !own_.valid() || setns(target, CLONE_NEWPID) < 0 ? -errno : 0;
    }
    ~PidNamespaceGuard() {
        if (own_.valid()) setns(own_.get(), CLONE_NEWPID);
    }

  private:
    Fd own_;
};
