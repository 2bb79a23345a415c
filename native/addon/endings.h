// The thread that puts records on disk and ends containers. A container is ended when its output is stored, its final
// record is on disk and its mount namespace is closed: then its group and its files are removed, and monitor and keeper
// forget it. Everything that the thread does after the record can be done again: a niwad that finds the record does the
// rest.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../core/container.h"
#include "../core/event_loop.h"
#include "record_file.h"

// What is left of a container that has ended, since the kernel did not let it go.
struct Left {
    bool group = false;
    bool files = false;
};

class Endings {
  public:
    // What has to be done before the rest of an end; one bit each.
    enum Part : unsigned { kBegun = 1, kOutput = 2, kRecord = 4, kMounts = 8, kAll = 15 };

    // `forget` makes everybody forget a container; it is called on this thread.
    explicit Endings(std::function<void(const Container &)> forget) : forget_(std::move(forget)) {}
    ~Endings();
    Endings(const Endings &) = delete;
    Endings &operator=(const Endings &) = delete;

    // Begins its thread, unless it runs. To be called by one thread. Gives 0 or a negative errno.
    int start();

    // Appends records, then calls `done` on this thread. Where they are on disk, kRecord is done for the containers
    // `ended`, and those that wait for nothing else are ended before `done` is called.
    void append(Append append, std::vector<uint32_t> ended, std::function<void(const Appended &)> done);

    // Ends a container when the other parts are done, then calls `ended` on this thread. `container` is empty where
    // only files are left. `files` are in one directory, which is removed, too, unless others are in it.
    void begin(uint32_t handle, std::shared_ptr<Container> container, std::vector<std::string> files,
               std::function<void(const Left &)> ended);

    // A part of the end of a container is done. May be called on any thread, and before begin().
    void done(uint32_t handle, Part part);

  private:
    struct Ending {
        unsigned done = 0; // of Part
        std::shared_ptr<Container> container;
        std::vector<std::string> files;
        std::function<void(const Left &)> ended;
    };

    template <typename Change> std::shared_ptr<Ending> note(uint32_t handle, Part part, Change change);
    void finish(Ending &ending) const;
    void finish_on_thread(std::shared_ptr<Ending> ending);

    std::function<void(const Container &)> forget_;
    bool runs_ = false;
    std::mutex mutex_; // guards all below but the loop
    std::map<uint32_t, std::shared_ptr<Ending>> endings_;
    EventLoop loop_;
};
