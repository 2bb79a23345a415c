// Two TCP connections, a client's and one to an instance of a service, and the bytes between them.
#pragma once
#include <cstdint>
#include <string>

#include "../core/fd.h"

// The bytes that go one way.
class Flow {
  public:
    // Copies what can be copied at once, through `buffer`. The end of the source is passed on as a shutdown of the
    // target. Gives false where one of the two is broken.
    bool move(const Fd &from, const Fd &to, char *buffer, size_t size);

    bool is_full() const { return !left_.empty(); }
    bool has_ended() const { return ended_; } // the source says nothing more
    bool is_over() const { return over_; }    // and the target knows

  private:
    std::string left_; // read, but the target does not take it yet
    bool ended_ = false, over_ = false;
};

struct Relayed {
    enum State { kHeld, kConnecting, kOpen } state = kHeld;
    uint32_t service = 0;
    bool ipv6 = false;
    size_t next_target = 0, tries_left = 0; // among the instances to which it may connect
    std::string instance;                   // to which it connects, or is connected
    Fd client, server;
    Flow to_server, to_client;

    // Copies what can be copied at once. Gives false where one of the two connections is broken.
    bool move(char *buffer, size_t size);
    bool is_over() const { return to_server.is_over() && to_client.is_over(); }

    // The events (EPOLL*) to wait for at each side; kNothing where it must not be watched.
    static constexpr uint32_t kNothing = ~uint32_t{0};
    uint32_t client_events() const;
    uint32_t server_events() const;
};
