// The network of containers.
#include <cerrno>
#include <functional>
#include <sys/socket.h>

#include "../connect.h"
#include "../conntrack.h"
#include "../network.h"
#include "addon.h"
#include "face.h"
#include "network_values.h"
#include "promises.h"

namespace {

// A field that is left out keeps its default.
NetworkStep to_step(const Napi::Object &object) {
    NetworkStep step;
    step.operation = to_string(object.Get("operation"));
    const std::pair<const char *, std::string *> texts[] = {
        {"device", &step.device},    {"bridge", &step.bridge},   {"mac", &step.mac},
        {"peerMac", &step.peer_mac}, {"address", &step.address}, {"gateway", &step.gateway},
    };
    for (const auto &[name, field] : texts)
        if (object.Has(name)) *field = to_string(object.Get(name));
    const std::pair<const char *, bool *> flags[] = {
        {"inside", &step.inside}, {"add", &step.add}, {"optional", &step.optional}};
    for (const auto &[name, field] : flags)
        if (object.Has(name)) *field = to_bool(object.Get(name));
    if (object.Has("number")) step.number = to_u32(object.Get("number"));
    if (object.Has("bytesPerSecond")) step.bytes_per_second = to_u64(object.Get("bytesPerSecond"));
    if (!object.Has("elements")) return step;
    auto elements = object.Get("elements").As<Napi::Array>();
    for (uint32_t i = 0; i < elements.Length(); i++)
        step.elements.push_back(to_element(elements.Get(i).As<Napi::Object>()));
    return step;
}

// configureNetwork(handle, steps): Promise<failure | null>
Value configure_network(Info info) {
    auto steps = std::make_shared<std::vector<NetworkStep>>();
    auto array = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) steps->push_back(to_step(array.Get(i).As<Napi::Object>()));
    uint32_t handle = to_u32(info[0]);
    auto container = handle == 0 ? nullptr : addon_of(info).monitor->find(handle);
    auto failure = std::make_shared<NetworkFailure>(NetworkFailure{0, ESRCH, ""});
    auto work = [steps, handle, container, failure] {
        if (handle != 0 && !container) return;
        const Fd nobody;
        Fd counters;
        *failure = run_network_steps(*steps, container ? container->pidfd : nobody, &counters);
        if (counters.valid()) container->statistics.watch_network(std::move(counters));
    };
    return Task::run(info.Env(), work, [failure](Napi::Env env) -> Value {
        if (failure->error == 0) return env.Null();
        Napi::Object result = Napi::Object::New(env);
        result.Set("phase", "network");
        result.Set("step", failure->step);
        result.Set("errno", failure->error);
        result.Set("signal", 0);
        result.Set("text", failure->text);
        return result;
    });
}

// Gives false where one of the texts is no address or subnet.
bool to_owners(const Napi::Object &object, FlowOwners *owners) {
    auto each = [&object](const char *name, const std::function<bool(const AddressRange &range)> &take) {
        auto texts = object.Get(name).As<Napi::Array>();
        AddressRange range;
        for (uint32_t i = 0; i < texts.Length(); i++)
            if (!range.parse(to_string(texts.Get(i))) || !take(range)) return false;
        return true;
    };
    auto add = [owners](const AddressRange &range) { return owners->ranges.push_back(range), true; };
    auto leave_out = [owners](const AddressRange &range) {
        owners->but.emplace(reinterpret_cast<const char *>(range.bytes), range.family == AF_INET ? 4 : 16);
        return true;
    };
    return each("of", add) && each("but", leave_out);
}

// forgetFlows({of, but}): Promise<errno>
Value forget_flows(Info info) {
    auto owners = std::make_shared<FlowOwners>();
    auto error = std::make_shared<int>(to_owners(info[0].As<Napi::Object>(), owners.get()) ? 0 : EBADMSG);
    auto work = [owners, error] {
        if (*error != 0) return;
        NetlinkSocket netlink;
        int opened = netlink.open(NETLINK_NETFILTER);
        *error = opened < 0 ? -opened : -forget_flows_of(netlink, *owners).error;
    };
    return Task::run(info.Env(), work, [error](Napi::Env env) -> Value { return from_number(env, *error); });
}

// connectIn(handle, port): Promise<fd | -errno>
Value connect_to(Info info) {
    auto container = container_of(info);
    auto port = static_cast<uint16_t>(to_u32(info[1]));
    auto connected = std::make_shared<Fd>();
    auto error = std::make_shared<int>(-ESRCH);
    auto work = [container, port, connected, error] {
        if (container && container->pidfd.valid()) *connected = connect_in(container->pidfd, port, error.get());
    };
    return Task::run(info.Env(), work, [connected, error](Napi::Env env) -> Value {
        return from_number(env, connected->valid() ? connected->release() : *error);
    });
}

} // namespace

void export_network(Napi::Env env, Napi::Object exports) {
    export_all(env, exports,
               {{"configureNetwork", configure_network}, {"forgetFlows", forget_flows}, {"connectIn", connect_to}});
}
