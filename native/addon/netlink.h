// Netlink: messages to the kernel's network configuration, and its answers. See netlink(7) and
// Documentation/userspace-api/netlink/intro.rst of the kernel.
#pragma once
#include <cstdint>
#include <cstring>
#include <functional>
#include <linux/netlink.h>
#include <string>
#include <vector>

#include "../core/fd.h"

// One message that is being built: a header, a fixed part, and attributes, which may be nested.
class NetlinkMessage {
  public:
    NetlinkMessage(uint16_t type, uint16_t flags);

    // Appends the fixed part that comes before the attributes.
    template <typename Part> void part(const Part &part) { append(&part, sizeof part); }

    void put(uint16_t type, const void *bytes, size_t length);
    void put(uint16_t type, const std::string &text) { put(type, text.c_str(), text.size() + 1); }
    void put_u8(uint16_t type, uint8_t value) { put(type, &value, sizeof value); }
    void put_u32(uint16_t type, uint32_t value) { put(type, &value, sizeof value); }

    // Begins an attribute that holds attributes; end() takes what begin() gave.
    size_t begin(uint16_t type);
    void end(size_t nest);

    // The bytes as they are sent, with this sequence number.
    const std::vector<uint8_t> &bytes(uint32_t sequence);

  private:
    void append(const void *bytes, size_t length);

    std::vector<uint8_t> bytes_;
};

// Bytes of attributes, one after another, as the kernel sends them.
struct NetlinkAttributes {
    const char *at = nullptr;
    size_t length = 0;

    // The attributes of a message, after its fixed part of `head` bytes.
    static NetlinkAttributes of(const nlmsghdr *message, size_t head);

    // Gives what is in the attribute of a type; nothing where there is none.
    NetlinkAttributes find(uint16_t type) const;

    // Calls `each` with what is in each attribute.
    void each(const std::function<void(const NetlinkAttributes &)> &each) const;

    template <typename Number> Number number() const {
        Number value = 0;
        if (length >= sizeof value) memcpy(&value, at, sizeof value);
        return value;
    }
    std::string text() const { return {at, strnlen(at, length)}; }
};

// Calls `each` with each message that was received by one call. The length of the last one may be no multiple of 4:
// NLMSG_NEXT would count below 0 then.
void each_message(const char *bytes, size_t length, const std::function<void(const nlmsghdr *)> &each);

// The answer of the kernel: 0 or a negative errno, and its explanation, where it gives one.
struct NetlinkAnswer {
    int error = 0;
    std::string text;
};

// A netlink socket of the network namespace in which it was opened. Requests wait for their answers, 10 s at most.
class NetlinkSocket {
  public:
    // `protocol` is NETLINK_ROUTE or NETLINK_NETFILTER. Gives 0 or a negative errno.
    int open(int protocol);
    bool valid() const { return fd_.valid(); }
    int fd() const { return fd_.get(); }
    void close() { fd_.reset(); }

    // Requests one change.
    NetlinkAnswer request(NetlinkMessage &message);

    // Requests changes of nftables: all are made, or none.
    NetlinkAnswer batch(std::vector<NetlinkMessage> &messages);

    // Requests a list: `each` is called with one message after another.
    NetlinkAnswer dump(NetlinkMessage &message, const std::function<void(const nlmsghdr *)> &each);

  private:
    NetlinkAnswer exchange(const std::vector<uint8_t> &bytes, uint32_t first, uint32_t awaited);

    Fd fd_;
    uint32_t sequence_ = 0;
};
