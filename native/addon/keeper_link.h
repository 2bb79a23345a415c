// The connection of niwad to the keeper of its run directory, which remembers every container for the next niwad.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../core/container.h"

// Only connect() and take() wait for the keeper. All other messages go into a large socket buffer. A keeper that does
// not read them until the buffer is full, or that does not answer, is killed; then alive() gives false, and the caller
// has to connect to a new keeper and to report every container to it.
class KeeperLink {
  public:
    // Connects to the keeper at `path` and receives the containers that it has; kills a keeper that does not answer. To
    // be called by one thread at a time. Gives 0 or a negative errno.
    int connect(const std::string &path);

    // Takes containers: from now on the keeper is the backstop for them. Gives their lives by their ids, as the keeper
    // has noted them until then. Where it does not answer within three seconds it is killed, and lives are missing. To
    // be called by one thread at a time, before the first alive().
    std::map<std::string, Life> take(const std::vector<std::string> &ids);

    // Whether the keeper runs and answers. Reads the answers to the earlier questions and sends the next one, and does
    // not wait for its answer: to be called once a second.
    bool alive();

    // Waits while the buffer is nearly full, for a caller that sends many messages at once.
    void wait_for_buffer();

    // Gives the lives of the containers that the keeper had when we connected, and that nobody has claimed yet.
    std::vector<Life> unclaimed();

    // Takes a container that the keeper had, with its pidfd, terminal, control socket and standard input. Gives nothing
    // where the keeper had none with this id and this first process.
    std::shared_ptr<Container> claim(const std::string &id, pid_t pid);

    // Sends the life of a container as it is now.
    void update(const Container &container);

    // Makes the keeper forget a container.
    void forget(const std::string &id);

    // Takes the writing end of a container's standard input, which the keeper then closes, too. Gives nothing where the
    // container has none, or it was taken before.
    Fd take_input(Container &container);

    // Makes the keeper forget a container that it had and that nobody has claimed.
    void forget_unclaimed(const std::string &id);

    // Makes the keeper hold the listening socket of the API open, so that clients which connect while there is no niwad
    // wait for the next one. With -1 the keeper closes the socket.
    void keep_listener(int listening);

    // Takes the listening socket that the keeper had when we connected; nothing where it had none.
    Fd take_listener();

  private:
    Fd copy_of_socket(); // to wait for it without the lock
    void send_forget(const std::string &id);
    void send_listener();
    void give_up();

    std::mutex mutex_; // guards all below; never held while waiting for the keeper
    Fd socket_, pidfd_;
    Fd listener_, kept_listener_;
    int unanswered_ = 0;
    std::map<std::string, pid_t> known_; // containers whose descriptors the keeper has
    std::map<std::string, std::shared_ptr<Container>> kept_;
};
