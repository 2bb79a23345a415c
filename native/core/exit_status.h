// How a process ended, also one that is no child of ours: a daemon that is started anew is not the parent of what runs.
#pragma once
#include <map>
#include <sys/types.h>

#include "fd.h"
#include "life.h"

// Hears of every exit on the host from the kernel's process events connector (cn_proc), and remembers those of the
// processes that it was told of. For kernels before 6.15, where a pidfd cannot be asked.
class ExitListener {
  public:
    ~ExitListener();

    // Remembers the status of this process from now on. Does nothing where pidfds can be asked, and where the kernel
    // has no connector or does not let us listen (it speaks to its first PID and user namespace only).
    void expect(pid_t pid);

    // Takes the status that was heard of. Gives false where none was.
    bool take(pid_t pid, int *wait_status);

    // Whether the kernel may still speak of this process: it does so a moment after the pidfd tells the end
    // (exit_notify() comes before proc_exit_connector() in do_exit()).
    bool awaits(pid_t pid) const;
    void forget(pid_t pid) { heard_.erase(pid); }

    // Readable when there is something to hear, or -1; hear() then keeps the kernel's queue short.
    int fd() const { return socket_.get(); }
    void hear();

  private:
    void open();
    void listen(bool on);

    bool tried_ = false;
    Fd socket_;
    std::map<pid_t, int> heard_; // -1: not yet
};

// Sets `status_known`, `code` and `signal` of a process that has ended. A child of ours is reaped.
void read_exit_status(const Fd &pidfd, ExitListener &listener, Life *life);
