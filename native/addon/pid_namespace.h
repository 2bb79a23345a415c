// Where the children of this thread are born.
#pragma once
#include <cerrno>
#include <fcntl.h>
#include <sched.h>

#include "../core/fd.h"

// A thread's children are born in the PID namespace that it has joined; it goes back to its own at the end.
class PidNamespaceGuard {
  public:
    // Joins the namespace behind a file of it, or that of the process behind a pidfd. Gives 0 or a negative errno.
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
