// The native thread that watches all containers: exits (pidfds), deadlines (one timerfd), groups that empty
// (cgroup.events). It acts by itself, so that a busy JavaScript loop delays the telling, never the kill.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "container.h"

// What happened to a container, told to JavaScript.
struct Event {
    enum Type { kStopping, kExit } type;
    uint32_t handle = 0;
    uint64_t at_ns = 0; // of the signal, or of the exit
    uint32_t cause = 0; // of the deadline that had passed, 0 for none
    uint64_t deadline_ns = 0;
    uint64_t killed_ns = 0; // when cgroup.kill followed, 0 if it did not
    // For kExit:
    bool status_known = false; // false where the process was not our child
    int code = -1;             // exit status, or -1
    int signal = 0;            // what ended it, or 0
    std::vector<double> row;   // the last reading, taken after the last process had gone
    std::string io_stat;
};

class Monitor {
  public:
    explicit Monitor(std::function<void(std::unique_ptr<Event>)> tell);
    ~Monitor();
    Monitor(const Monitor &) = delete;
    Monitor &operator=(const Monitor &) = delete;

    // Watches a container from now on and gives it a handle.
    uint32_t add(std::shared_ptr<Container> container);

    // The container behind a handle, or nothing.
    std::shared_ptr<Container> find(uint32_t handle);

    // Sets, moves or clears the deadline. Gives false where the container is gone or a deadline has passed already.
    bool set_deadline(uint32_t handle, const Deadline &deadline);

    // Forgets a container whose exit was told.
    void release(uint32_t handle);

  private:
    struct Entry {
        std::shared_ptr<Container> container;
        Deadline deadline;
        uint64_t due_ns = 0; // its place in due_: the deadline, or the end of the stop timeout
        bool stopping = false;
        bool exited = false;
        Fd events; // cgroup.events, watched once the first process has gone
        Event exit;
    };

    void run();
    void on_timer();
    void on_process_exit(Entry &entry);
    void on_group_event(Entry &entry);
    void begin_stop(Entry &entry, uint64_t now);
    void kill(Entry &entry, uint64_t now);
    void schedule(Entry &entry, uint64_t due_ns);
    void arm_timer();
    void watch(int fd, uint32_t events, uint64_t key);

    std::function<void(std::unique_ptr<Event>)> tell_;
    std::mutex mutex_; // guards all below
    std::map<uint32_t, Entry> entries_;
    std::set<std::pair<uint64_t, uint32_t>> due_; // (time, handle)
    uint32_t next_handle_ = 1;
    Fd epoll_, timer_, wake_;
    std::thread thread_;
};
