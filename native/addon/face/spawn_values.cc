#include "spawn_values.h"

std::vector<DeviceRule> to_device_rules(const Napi::Array &array) {
    std::vector<DeviceRule> rules;
    for (uint32_t i = 0; i < array.Length(); i++) {
        auto rule = array.Get(i).As<Napi::Object>();
        auto number = [&rule](const char *name) { return to_int(rule.Get(name)); };
        rules.push_back({to_string(rule.Get("type")) == "b", number("major"), number("minor")});
    }
    return rules;
}

std::vector<std::pair<std::string, std::string>> to_pairs(const Napi::Array &array) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (uint32_t i = 0; i < array.Length(); i++) {
        auto pair = array.Get(i).As<Napi::Array>();
        pairs.emplace_back(to_string(pair.Get(0u)), to_string(pair.Get(1u)));
    }
    return pairs;
}
