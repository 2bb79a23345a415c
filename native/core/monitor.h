// The native thread that watches containers: exits (pidfds), deadlines (one timerfd), groups that empty
// (cgroup.events). It acts by itself, so that a busy JavaScript loop delays the telling, never the kill. The keeper
// runs the same monitor while there is no niwad.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "container.h"
#include "exit_status.h"
#include "thread.h"

// What happened to a container.
struct Event {
    enum Type { kStopping, kExit } type;
    uint32_t handle = 0;
    Life life;
    // For kExit, taken after the last process had gone:
    std::vector<double> row;
    std::string io_stat;
};

class Monitor {
  public:
    using Tell = std::function<void(std::unique_ptr<Event>)>;
    using Changed = std::function<void(const Container &)>;

    // `tell` hears of what happens, with a last reading; `changed` of each change of a container's life, before
    // anything else happens to it. Both run under the monitor's lock and must not block or call back.
    explicit Monitor(Tell tell = {}, Changed changed = {});
    ~Monitor();
    // Begins to watch. Gives 0 or a negative errno.
    int start();
    Monitor(const Monitor &) = delete;
    Monitor &operator=(const Monitor &) = delete;

    // Watches a container from now on, wherever it is in its life, and gives it a handle.
    uint32_t add(std::shared_ptr<Container> container);

    // The container behind a handle, or nothing.
    std::shared_ptr<Container> find(uint32_t handle);

    // Calls `changed` for every container, for a listener that is new, and before each `pause`, which may wait.
    void note_all(const std::function<void()> &pause);

    // Whether the first process of any container has not gone yet.
    bool anybody_lives();

    // Gives a container's life as it is now.
    Life life_of(uint32_t handle);

    // A backstop only kills and signals, and later than another monitor of the same containers would: for one that has
    // died, hangs, or stands still. It does not look for exits.
    void set_backstop(bool backstop);

    // Takes the life of a container as another monitor has it.
    void update(uint32_t handle, const Life &life);

    // Notes the start and sets the deadline. To be called before the workload runs: it is never without its deadline.
    void begin(uint32_t handle, uint64_t started_ns, const Deadline &deadline);

    // Sets, moves or clears the deadline. Gives false where the container is gone or a deadline has passed already.
    bool set_deadline(uint32_t handle, const Deadline &deadline);

    // Forgets a container whose exit was told.
    void release(uint32_t handle);

  private:
    struct Entry {
        std::shared_ptr<Container> container;
        uint64_t due_ns = 0;  // its place in due_: the deadline, or the end of the stop timeout
        uint64_t gone_ns = 0; // when the first process was seen to be gone; its status may come a moment later
        Fd events;            // cgroup.events, watched once the first process has gone
        bool blocked = false; // whether its stop signal was, when last looked at
    };

    void run();
    void follow(Entry &entry);
    void watch_process(Entry &entry);
    void plan(Entry &entry);
    void on_timer();
    void on_process_exit(Entry &entry);
    void on_group_event(Entry &entry);
    void begin_stop(Entry &entry, uint64_t now);
    void await_end(Entry &entry, uint64_t now);
    void kill(Entry &entry, uint64_t now);
    void wait_for_empty(Entry &entry);
    void note(const Entry &entry) const;
    void tell(Event::Type type, const Entry &entry);
    void schedule(Entry &entry, uint64_t due_ns);
    void arm_timer();
    bool watch(int fd, uint32_t events, uint64_t key);

    Tell tell_;
    Changed changed_;
    std::mutex mutex_; // guards all below, and the lives of all containers
    std::map<uint32_t, Entry> entries_;
    std::set<std::pair<uint64_t, uint32_t>> due_; // (time, handle)
    ExitListener exits_;
    uint32_t next_handle_ = 1;
    bool backstop_ = false;
    Fd epoll_, timer_, wake_;
    Thread thread_;
};
