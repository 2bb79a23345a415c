// The native thread that watches containers: exits (pidfds), deadlines (one timerfd), groups that empty
// (cgroup.events). It acts by itself, so that a busy JavaScript loop delays the telling, never the kill. The keeper
// runs the same monitor while there is no niwad.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "container.h"
#include "event_loop.h"
#include "exit_status.h"
#include "timers.h"

// What happened to a container.
struct Event {
    enum Type { kStopping, kExit } type;
    uint32_t handle = 0;
    Life life;
    // For kExit, taken after the last process had gone:
    std::vector<double> row;
    std::string io_stat;
    Fd mounts; // the mount namespace, where it was held
};

class Monitor {
  public:
    using OnEvent = std::function<void(std::unique_ptr<Event>)>;
    using OnChange = std::function<void(const Container &)>;

    // `on_event` is called with each event; `on_change` when the life of a container has changed, before the monitor
    // does anything else with the container. Both are called while the monitor holds its lock: they must not block, and
    // must not call the monitor.
    explicit Monitor(OnEvent on_event = {}, OnChange on_change = {});
    ~Monitor();
    Monitor(const Monitor &) = delete;
    Monitor &operator=(const Monitor &) = delete;

    // Begins to watch. Gives 0 or a negative errno.
    int start();

    // Watches a container from now on under its handle, in whatever phase of its life it is. `known` says that whoever
    // is told of changes has told of this life.
    void add(std::shared_ptr<Container> container, bool known = false);

    // The container behind a handle, or nothing.
    std::shared_ptr<Container> find(uint32_t handle);

    // The same for many handles, in their order.
    std::vector<std::shared_ptr<Container>> find_all(const uint32_t *handles, size_t count);

    // Calls `on_change` for every container, as whoever is told of changes has been replaced. Calls `pause` before each
    // container, without the lock: it may wait.
    void report_all(const std::function<void()> &pause);

    // Whether the first process of at least one container has not ended yet.
    bool has_live_container();

    // Gives a container's life as it is now.
    Life life_of(uint32_t handle);

    // Becomes the backstop for a container that a monitor in another process watches from now on. A backstop does not
    // look for exits. It sends signals and kills half a second later than the other monitor should have: that has
    // effect only if the other one has died, hangs, or is stopped. Gives false, and has to be called again, where the
    // process has ended and its status has not come: that takes 200 ms at most.
    bool become_backstop(uint32_t handle);

    // Adds a container that the other monitor watches already.
    void add_as_backstop(std::shared_ptr<Container> container);

    // Is no backstop any more: acts alone for all containers.
    void act_alone();

    // Replaces the life of a container by what the other monitor says.
    void update(uint32_t handle, const Life &life);

    // Sets the time of the start, and the deadline. To be called before the workload runs, so that it never runs
    // without its deadline.
    void begin(uint32_t handle, uint64_t started_ns, const Deadline &deadline);

    // Sets, moves or clears the deadline. Gives false where the container is gone or a deadline has passed already.
    bool set_deadline(uint32_t handle, const Deadline &deadline);

    // Forgets a container. Its exit was reported before.
    void release(uint32_t handle);

  private:
    struct Entry {
        std::shared_ptr<Container> container;
        bool backstop = false; // see become_backstop()
        uint64_t gone_ns = 0;  // when we saw that the first process had ended; its status may come later
        Fd events;             // cgroup.events, watched once the first process has gone
        bool blocked = false;  // whether its first process blocked the stop signal when we last looked
        bool killed = false;   // whether its first process has got SIGKILL
    };

    void on_ready(uint64_t key);
    void follow(Entry &entry);
    void watch_process(Entry &entry);
    void plan(Entry &entry);
    void on_timer();
    void on_process_exit(Entry &entry);
    void on_group_event(Entry &entry);
    void begin_stop(Entry &entry, uint64_t now);
    void await_end(Entry &entry, uint64_t now);
    void kill(Entry &entry, uint64_t now);
    void kill_group(Entry &entry, uint64_t now);
    void hurry(Entry &entry);
    void calm(const Entry &entry);
    void calm_all();
    int kill_all(const Entry &entry);
    void await_empty_group(Entry &entry);
    void report_change(const Entry &entry) const;
    void report_event(Event::Type type, const Entry &entry);
    void schedule(const Entry &entry, uint64_t due_ns);
    void watch_group(const Entry &entry);
    bool watch(int fd, uint32_t events, uint64_t key);

    OnEvent on_event_;
    OnChange on_change_;
    std::mutex mutex_; // guards all below, and the lives of all containers
    std::unordered_map<uint32_t, Entry> entries_;
    Timers due_; // when to look at an entry: at its deadline, or at the end of its stop timeout
    ExitListener exits_;
    std::vector<const Entry *> hurried_; // those of which the end of the first process has Urgency::kEnd
    EventLoop loop_;
};
