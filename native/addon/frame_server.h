// A Unix socket whose messages are frames that carry descriptors (SCM_RIGHTS), in both directions; src/oci says what
// they mean. Node.js cannot receive descriptors. Only root may connect.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../core/event_loop.h"
#include "../core/fd.h"
#include "accept.h"

// A frame that a connection has received; or, where `closed`, the end of the connection.
struct FrameEvent {
    uint32_t connection = 0;
    bool closed = false;
    uint32_t kind = 0;
    std::vector<uint8_t> body;
    std::vector<Fd> descriptors;
};

class FrameServer {
  public:
    using OnEvent = std::function<void(std::unique_ptr<FrameEvent>)>;

    FrameServer() = default;
    ~FrameServer();
    FrameServer(const FrameServer &) = delete;
    FrameServer &operator=(const FrameServer &) = delete;

    // Begins its thread. Gives 0 or a negative errno.
    int start();

    // Accepts connections from a listening socket that does not block. `on_event` is called on the thread of the
    // server, or on that of a send() that finds the peer gone; it may not call this server.
    void open(Fd listening, OnEvent on_event);

    // Sends a frame on the thread of the caller, or on that of the server when the socket has room again; does nothing
    // where the connection is over. The descriptors are closed when they are sent.
    void send(uint32_t connection, uint32_t kind, std::vector<uint8_t> body, std::vector<Fd> descriptors);

    // Accepts no more connections, and ends all.
    void close();

  private:
    struct Outgoing {
        std::vector<uint8_t> bytes;
        size_t sent = 0;
        std::vector<Fd> descriptors;
    };
    struct Connection {
        Fd socket;
        std::vector<uint8_t> received;
        std::vector<Fd> descriptors;
        std::vector<Outgoing> outgoing;
        bool waits_for_room = false;
    };

    void accept_all();
    void on_ready(uint32_t name, uint32_t events);
    bool receive(Connection &connection);
    bool take_frames(uint32_t name, Connection &connection);
    bool send_waiting(uint32_t name, Connection &connection);
    void drop(uint32_t name);

    std::mutex mutex_; // guards all below but the loop
    Fd listening_;
    SpareDescriptor spare_;
    OnEvent on_event_;
    std::map<uint32_t, Connection> connections_;
    uint32_t last_name_ = 0;
    EventLoop loop_; // the key 0 is the listening socket; a connection has its name
};
