#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

// A packet that was given to the queue.
struct QueuedPacket {
    uint32_t number = 0; // the kernel's, for the verdict
    bool tcp = false;
    std::string source;  // address and port
    std::string address; // the destination; in network order
    uint16_t port = 0;

    // Reads the headers of IP and TCP or UDP. Gives false where it is no such packet.
    bool parse(const uint8_t *bytes, size_t length);
};
