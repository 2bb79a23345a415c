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

SpawnTemplate to_template(const Napi::Object &object) {
    SpawnTemplate common;
    common.writes = to_pairs(object.Get("writes").As<Napi::Array>());
    common.late_writes = to_pairs(object.Get("lateWrites").As<Napi::Array>());
    common.namespaces = to_u32(object.Get("namespaces"));
    common.pid_namespace = to_string(object.Get("pidNamespace"));
    common.holds_mounts = to_bool(object.Get("holdsMounts"));
    common.image = to_string(object.Get("image"));
    common.reach = to_string(object.Get("reach"));
    common.filter_devices = object.Get("devices").IsArray();
    if (common.filter_devices) common.devices = to_device_rules(object.Get("devices").As<Napi::Array>());
    common.input = to_bool(object.Get("stdin"));
    if (object.Get("log").IsObject()) common.log = to_log_bounds(object.Get("log").As<Napi::Object>());
    return common;
}

} // namespace

LogBounds to_log_bounds(const Napi::Object &object) {
    return {to_u64(object.Get("maxBytes")), to_u32(object.Get("maxFiles")), to_u64(object.Get("bytesPerSecond"))};
}

std::shared_ptr<const SpawnTemplate> kept_template(const Napi::Object &object) {
    using Kept = std::shared_ptr<const SpawnTemplate>;
    napi_env env = object.Env();
    void *known = nullptr;
    if (napi_unwrap(env, object, &known) == napi_ok) return *static_cast<Kept *>(known);
    auto *kept = new Kept(std::make_shared<SpawnTemplate>(to_template(object)));
    auto forget = [](napi_env, void *data, void *) { delete static_cast<Kept *>(data); };
    if (napi_wrap(env, object, kept, forget, nullptr, nullptr) != napi_ok) Napi::Error::Fatal("template", "napi_wrap");
    return *kept;
}

SpawnRequest to_spawn_request(Arguments &arguments) {
    SpawnRequest request;
    request.common = kept_template(arguments.next().As<Napi::Object>());
    request.handle = to_u32(arguments.next());
    request.id = to_string(arguments.next());
    request.cgroup = to_string(arguments.next());
    request.uid_map = to_string(arguments.next());
    request.gid_map = to_string(arguments.next());
    request.owner = to_u32(arguments.next());
    request.mount_maps = to_pairs(arguments.next().As<Napi::Array>());
    return request;
}

std::vector<std::pair<std::string, std::string>> to_pairs(const Napi::Array &array) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (uint32_t i = 0; i < array.Length(); i++) {
        auto pair = array.Get(i).As<Napi::Array>();
        pairs.emplace_back(to_string(pair.Get(0u)), to_string(pair.Get(1u)));
    }
    return pairs;
}
