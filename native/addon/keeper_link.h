// The connection of niwad to the keeper of its run directory, which remembers every container for the next niwad.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../core/container.h"

// Only connecting waits for the keeper: messages to it go into a large buffer. One that lets it run full, or
// does not answer, is killed, and alive() says so: the next one is told everything.
class KeeperLink {
  public:
    // Connects to the keeper at `path`, waits for its answer and takes what it keeps; kills one that gives none. One
    // thread at a time. Gives 0 or a negative errno.
    int connect(const std::string &path);

    // Whether the keeper is there and keeps up. Asks it each time, and looks for the answers to what was asked before:
    // to be called once a second.
    bool alive();

    // Waits until the keeper has taken the most of what it was told: for one who tells it much at once.
    void wait_for_room();

    // Gives what the keeper kept and nobody has claimed yet.
    std::vector<Life> unclaimed();

    // Takes what the keeper kept of a container, its pidfd and control socket among it; nothing where it has none of
    // this first process.
    std::shared_ptr<Container> claim(const std::string &id, pid_t pid);

    // Tells the life of a container.
    void put(const Container &container);

    // Lets the keeper forget a container.
    void drop(const std::string &id);

    // Lets the keeper forget what it kept and nobody has claimed.
    void disclaim(const std::string &id);

    // Lets the keeper hold the socket on which we listen: whoever connects while there is no niwad waits for the next.
    // With -1 it holds none any more.
    void hold(int listening);

    // Gives the socket that the keeper held when we connected; nothing where it held none.
    Fd held();

  private:
    void tell_drop(const std::string &id);
    void tell_listening();
    void give_up();

    std::mutex mutex_; // guards all below; nobody waits for the keeper while he has it
    Fd socket_, pidfd_;
    Fd listening_, held_;
    int unanswered_ = 0;
    std::map<std::string, pid_t> known_; // containers whose descriptors the keeper has
    std::map<std::string, std::shared_ptr<Container>> kept_;
};
