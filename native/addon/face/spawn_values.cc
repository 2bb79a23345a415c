#include "spawn_values.h"

#include <linux/bpf.h>

namespace {

// The kinds of access of a rule: letters of "rwm"; all where it names none.
int to_access(const Napi::Value &letters) {
    if (!letters.IsString()) return BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;
    int access = 0;
    for (char letter : to_string(letters))
        access |= letter == 'r' ? BPF_DEVCG_ACC_READ : letter == 'w' ? BPF_DEVCG_ACC_WRITE : BPF_DEVCG_ACC_MKNOD;
    return access;
}

} // namespace

std::vector<DeviceRule> to_device_rules(const Napi::Array &array) {
    std::vector<DeviceRule> rules;
    for (uint32_t i = 0; i < array.Length(); i++) {
        auto rule = array.Get(i).As<Napi::Object>();
        auto number = [&rule](const char *name) { return to_int(rule.Get(name)); };
        rules.push_back({to_string(rule.Get("type"))[0], number("major"), number("minor"),
                         to_access(rule.Get("access")), !rule.Has("forbids")});
    }
    return rules;
}

const std::vector<DeviceRule> &kept_device_rules(const Napi::Array &array) {
    using Rules = std::vector<DeviceRule>;
    napi_env env = array.Env();
    void *known = nullptr;
    if (napi_unwrap(env, array, &known) == napi_ok) return *static_cast<Rules *>(known);
    auto *rules = new Rules(to_device_rules(array));
    auto forget = [](napi_env, void *data, void *) { delete static_cast<Rules *>(data); };
    if (napi_wrap(env, array, rules, forget, nullptr, nullptr) != napi_ok) Napi::Error::Fatal("devices", "napi_wrap");
    return *rules;
}

std::vector<std::pair<std::string, std::string>> to_pairs(const Napi::Array &array) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (uint32_t i = 0; i < array.Length(); i++) {
        auto pair = array.Get(i).As<Napi::Array>();
        pairs.emplace_back(to_string(pair.Get(0u)), to_string(pair.Get(1u)));
    }
    return pairs;
}
