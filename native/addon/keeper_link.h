// The connection of niwad to the keeper of its run directory, which remembers every container for the next niwad.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "container.h"

class KeeperLink {
  public:
    // Connects to the keeper at `path` and takes what it keeps. Gives 0 or a negative errno.
    int connect(const std::string &path);

    // Whether the keeper is still there.
    bool alive();

    // Gives what the keeper kept and nobody has claimed yet.
    std::vector<Life> unclaimed();

    // Takes what the keeper kept of a container, its pidfd and control socket among it; nothing where it has none of
    // this first process.
    std::shared_ptr<Container> claim(const std::string &id, pid_t pid);

    // Tells the life of a container. A keeper that does not listen is given up; alive() then says so.
    void put(const Container &container);

    // Lets the keeper forget a container.
    void drop(const std::string &id);

  private:
    int receive_all(int socket);

    std::mutex mutex_;
    Fd socket_;
    std::map<std::string, pid_t> known_; // containers whose descriptors the keeper has
    std::map<std::string, std::shared_ptr<Container>> kept_;
};
