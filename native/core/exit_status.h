// The exit status of a process, also of one that is no child of ours: a niwad that took containers over is not their
// parent.
#pragma once
#include <map>
#include <sys/types.h>

#include "fd.h"
#include "life.h"

// Receives an event for every exit on the host from the process events connector of the kernel (cn_proc), and stores
// the statuses of the processes that it was asked to expect. Needed on kernels before 6.15, where a pidfd does not give
// the status.
class ExitListener {
  public:
    ~ExitListener();

    // Stores the status of this process when its event comes. Does nothing where a pidfd gives the status, and where
    // the kernel has no connector or refuses us (it sends events to the initial PID and user namespace only).
    void expect(pid_t pid);

    // Takes the status of a process. Gives false where no event of it has come.
    bool take(pid_t pid, int *wait_status);

    // Whether the status of this process may still come. In do_exit() of the kernel, exit_notify() makes the pidfd
    // readable before proc_exit_connector() sends the event.
    bool awaits(pid_t pid) const;
    void forget(pid_t pid) { statuses_.erase(pid); }

    // Readable when events have come, or -1; receive() reads them.
    int fd() const { return socket_.get(); }
    void receive();

  private:
    void open();
    void listen(bool on);

    bool tried_ = false;
    Fd socket_;
    std::map<pid_t, int> statuses_; // -1: no event has come yet
};

// Sets `status_known`, `code` and `signal` of a process that has ended. A child of ours is reaped.
void read_exit_status(const Fd &pidfd, ExitListener &listener, Life *life);
