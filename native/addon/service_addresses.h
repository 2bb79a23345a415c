// The addresses of services, for the threads that find out for which service a connection is.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

// An address of a service; an empty address stands for all of the family.
struct ServiceAddress {
    bool tcp = true;
    bool ipv6 = false;
    std::string address; // in network order
    uint16_t port = 0;
};

class ServiceAddresses {
  public:
    // Sets the addresses of a service, in place of those that it had.
    void set(uint32_t service, const std::vector<ServiceAddress> &addresses);

    // Gives the service at an address, or nothing.
    const uint32_t *find(const ServiceAddress &address) const;

    void clear();

  private:
    std::unordered_map<uint32_t, std::vector<std::string>> keys_;
    std::unordered_map<std::string, uint32_t> services_;
};
