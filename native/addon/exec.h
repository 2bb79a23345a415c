// Further processes in a container that runs, and how they end.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "../core/container.h"
#include "../core/event_loop.h"
#include "spawn.h"

struct ExecRequest {
    std::shared_ptr<Container> container;
    std::vector<uint8_t> program;
    int helper = -1;
    bool input = false; // whether its standard input is a pipe; else /dev/null
    uid_t uid = 0;      // the host's owner of the pipes: a process may open /dev/stdout anew
    gid_t gid = 0;
};

struct Executed {
    Failure failure;
    pid_t pid = -1;
    Fd pidfd;
    Fd streams[3]; // our ends: what it reads, what it writes; they do not block
    Fd terminal;   // where the program makes one: the master side
};

// Makes a process in the container's PID namespace and group, which runs the program: that enters the rest. Waits
// until it has executed. On failure nothing of it is left. Blocks: call it on a worker thread.
Executed exec_in_container(const ExecRequest &request);

struct ExecEnd {
    int code = -1;  // the exit status, or -1
    int signal = 0; // what ended it, or 0
};

// Reaps execs on a thread of its own: the first process of a PID namespace cannot end before they are reaped.
class Execs {
  public:
    Execs() = default;
    ~Execs();
    Execs(const Execs &) = delete;
    Execs &operator=(const Execs &) = delete;

    // Begins to reap. Gives 0 or a negative errno.
    int start();

    // Takes a process, its terminal, and the name of the relay's copy into that, 0 for none; gives its handle.
    uint32_t add(Fd pidfd, Fd terminal, uint64_t input);

    // Calls `done` once with how it ended, on this thread where it has, else on the own one; then the handle is gone.
    void await(uint32_t handle, std::function<void(ExecEnd)> done);

    // Sends a signal. Gives 0 or a negative errno, -ESRCH where it has ended.
    int signal(uint32_t handle, int signal_number);

    // Sets the size of its terminal. Gives 0 or a negative errno.
    int resize(uint32_t handle, unsigned short rows, unsigned short columns);

    // Closes our side of its terminal: its foreground processes get SIGHUP once no copy is held either. Gives the name
    // of the copy into it, 0 for none.
    uint64_t hang_up(uint32_t handle);

  private:
    struct Entry {
        Fd pidfd, terminal;
        uint64_t input = 0;
        bool ended = false;
        ExecEnd end;
        std::function<void(ExecEnd)> done;
    };
    void reap(uint32_t handle);

    std::mutex mutex_; // guards the entries
    std::map<uint32_t, Entry> entries_;
    uint32_t next_handle_ = 1;
    EventLoop loop_; // the key of a pidfd is its handle
};

// Sets the size of a terminal: its foreground processes get SIGWINCH. Gives 0 or a negative errno.
int set_terminal_size(const Fd &terminal, unsigned short rows, unsigned short columns);

// A copy of a descriptor, closed at an exec.
Fd copy_of(const Fd &fd);

// Makes a pipe of which the ends with their bit in `nonblocking` (1: reading, 2: writing) do not block. Gives 0 or a
// negative errno.
int make_pipe(Fd *reading, Fd *writing, int nonblocking);
