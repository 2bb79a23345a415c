// Conversions for the topics of services.
#pragma once
#include "../service_addresses.h"
#include "values.h"

// The bytes of an address.
inline std::string bytes_of(const Value &value) {
    auto bytes = to_bytes(value);
    return {bytes.begin(), bytes.end()};
}

// The addresses at which a service is reached.
inline std::vector<ServiceAddress> to_service_addresses(const Napi::Array &array) {
    std::vector<ServiceAddress> addresses;
    for (uint32_t i = 0; i < array.Length(); i++) {
        auto object = array.Get(i).As<Napi::Object>();
        addresses.push_back({to_string(object.Get("protocol")) == "tcp", to_u32(object.Get("family")) == 6,
                             bytes_of(object.Get("address")), to_u16(object.Get("port"))});
    }
    return addresses;
}
