#include "service_addresses.h"

namespace {

std::string key_of(const ServiceAddress &of, const std::string &address) {
    std::string key = {of.tcp ? 't' : 'u', of.ipv6 ? '6' : '4', static_cast<char>(of.port >> 8),
                       static_cast<char>(of.port)};
    return key + address;
}

} // namespace

void ServiceAddresses::set(uint32_t service, const std::vector<ServiceAddress> &addresses) {
    for (const std::string &key : keys_[service]) services_.erase(key);
    keys_.erase(service);
    for (const ServiceAddress &address : addresses) {
        keys_[service].push_back(key_of(address, address.address));
        services_[keys_[service].back()] = service;
    }
}

const uint32_t *ServiceAddresses::find(const ServiceAddress &address) const {
    for (const std::string &bytes : {address.address, std::string()}) {
        auto found = services_.find(key_of(address, bytes));
        if (found != services_.end()) return &found->second;
    }
    return nullptr;
}

void ServiceAddresses::clear() {
    keys_.clear();
    services_.clear();
}
