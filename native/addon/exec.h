// Further processes in a container that runs, and how they end.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "../core/clone.h"
#include "../core/container.h"
#include "../core/event_loop.h"
#include "spawn.h"

struct ExecRequest {
    std::shared_ptr<Container> container;
    std::vector<uint8_t> program;
    Helper *helper = nullptr;
    bool input = false; // whether its standard input is a pipe; otherwise it is /dev/null
    bool output = true; // whether its outputs are pipes; otherwise they are /dev/null
    std::string image;  // path of a program of ours, which op_exec_image() executes, or empty
    uid_t uid = 0;      // the owner of the pipes, in ids of the host: the process may open /dev/stdout
    gid_t gid = 0;
};

struct Executed {
    Failure failure;
    pid_t pid = -1;
    Fd pidfd;
    Fd streams[3]; // our ends of its standard streams; they do not block
    Fd terminal;   // the master side, where the program makes a terminal
};

// Makes a process in the container's PID namespace and group. The process runs the program, which enters the other
// namespaces, and executes. Waits for that. On failure the process is gone. Blocks: to be called on a worker thread.
Executed exec_in_container(const ExecRequest &request);

struct ExecEnd {
    int code = -1;  // the exit status, or -1
    int signal = 0; // the signal that ended it, or 0
};

// Reaps execs, on its own thread: the first process of a PID namespace cannot end before all others are reaped.
class Execs {
  public:
    Execs() = default;
    ~Execs();
    Execs(const Execs &) = delete;
    Execs &operator=(const Execs &) = delete;

    // Begins to reap. Gives 0 or a negative errno.
    int start();

    // Takes over a process, its terminal, and the name of the relay's copy into the terminal (0 for none). Gives its
    // handle.
    uint32_t add(Fd pidfd, Fd terminal, uint64_t input);

    // Calls `done` once with how the process ended: at once where it has ended, otherwise later on the thread of Execs.
    // After that the handle is not valid.
    void await(uint32_t handle, std::function<void(ExecEnd)> done);

    // Sends a signal. Gives 0 or a negative errno, -ESRCH where it has ended.
    int signal(uint32_t handle, int signal_number);

    // Sets the size of its terminal. Gives 0 or a negative errno.
    int resize(uint32_t handle, unsigned short rows, unsigned short columns);

    // Closes the master side of its terminal. When the relay has closed its copies too, the foreground processes get
    // SIGHUP. Gives the name of the copy into the terminal, 0 for none.
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

// A copy of a descriptor, with CLOEXEC.
Fd copy_of(const Fd &fd);

// Makes a pipe. `nonblocking` says which ends do not block: bit 1 for the reading end, bit 2 for the writing end. Gives
// 0 or a negative errno.
int make_pipe(Fd *reading, Fd *writing, int nonblocking);
