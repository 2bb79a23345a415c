// The data path of services: the queue, elements and counters of its rules, and the sockets of instances.
#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <utility>

#include "../nft_batch.h"
#include "../socket_diag.h"
#include "addon.h"
#include "face.h"
#include "network_values.h"
#include "promises.h"
#include "service_values.h"

namespace {

Value from_event(Napi::Env env, const QueueEvent &event) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("type", event.type == QueueEvent::kHeld ? "held" : "ended");
    object.Set("service", event.service);
    object.Set("errno", event.error);
    return object;
}

Value from_changed(Napi::Env env, const ServiceChanged &changed) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("errno", -changed.answer.error);
    object.Set("text", changed.answer.text);
    object.Set("letGo", changed.let_go);
    return object;
}

Napi::ThreadSafeFunction listener_of(Napi::Env env, const Value &function, const char *name) {
    auto listener = Napi::ThreadSafeFunction::New(env, function.As<Napi::Function>(), name, 0, 1);
    listener.Unref(env); // it does not keep Node.js alive: the socket of the API does
    return listener;
}

// openServices(listener): Promise<number | -errno>
Value open_services(Info info) {
    auto listener = listener_of(info.Env(), info[0], "niwa services");
    auto on_event = [listener](const QueueEvent &event) {
        auto call = [event](Napi::Env env, Napi::Function function) {
            if (env != nullptr) function.Call({from_event(env, event)});
        };
        listener.NonBlockingCall(call);
    };
    auto before = std::exchange(addon_of(info).queue_listener, listener);
    Answer<int> answer(info.Env(), [](Napi::Env env, const int &number) { return from_number(env, number); });
    addon_of(info).services.open(on_event, [answer, before](int number) mutable {
        release_listener(before);
        answer(number);
    });
    return answer.promise();
}

// closeServices(): Promise<0>
Value close_services(Info info) {
    Answer<int> answer(info.Env(), [](Napi::Env env, const int &number) { return from_number(env, number); });
    addon_of(info).services.close(answer);
    return answer.promise();
}

// declareService(service, addresses, bound)
Value declare_service(Info info) {
    auto addresses = to_service_addresses(info[1].As<Napi::Array>());
    addon_of(info).services.declare(to_u32(info[0]), std::move(addresses), to_u32(info[2]));
    return info.Env().Undefined();
}

// forgetService(service)
Value forget_service(Info info) {
    addon_of(info).services.forget(to_u32(info[0]));
    return info.Env().Undefined();
}

// changeService(service, changes, holds): Promise<changed>
Value change_service(Info info) {
    std::vector<ElementChange> changes;
    auto array = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) {
        auto object = array.Get(i).As<Napi::Object>();
        changes.push_back({to_element(object.Get("element").As<Napi::Object>()), to_bool(object.Get("add"))});
    }
    Answer<ServiceChanged> answer(info.Env(), from_changed);
    addon_of(info).services.change(to_u32(info[0]), std::move(changes), to_bool(info[2]), answer);
    return answer.promise();
}

// addQueueRule(table, chain): Promise<changed>
Value add_queue_rule(Info info) {
    Answer<ServiceChanged> answer(info.Env(), from_changed);
    addon_of(info).services.add_rule(to_string(info[0]), to_string(info[1]), answer);
    return answer.promise();
}

Value from_counts(Napi::Env env, const std::vector<HeldCounts> &counts) {
    Napi::Array array = Napi::Array::New(env);
    for (const HeldCounts &count : counts) {
        Napi::Object object = Napi::Object::New(env);
        object.Set("service", count.service);
        object.Set("held", static_cast<double>(count.held));
        object.Set("now", static_cast<double>(count.now));
        object.Set("full", static_cast<double>(count.full));
        array.Set(array.Length(), object);
    }
    return array;
}

// heldByServices(): Promise<counts[]>
Value held_by_services(Info info) {
    Answer<std::vector<HeldCounts>> answer(info.Env(), from_counts);
    addon_of(info).services.counts(answer);
    return answer.promise();
}

// elementCounters(table, sets): Promise<{set, key, packets}[] | errno>
Value element_counters(Info info) {
    std::vector<std::string> sets;
    auto array = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) sets.push_back(to_string(array.Get(i)));
    auto counted = std::make_shared<std::vector<CountedElement>>();
    auto error = std::make_shared<int>(0);
    auto work = [table = to_string(info[0]), sets, counted, error] {
        NetlinkSocket netlink;
        *error = netlink.open(NETLINK_NETFILTER);
        if (*error == 0) *error = dump_counters(netlink, table, sets, counted.get()).error;
    };
    return Task::run(info.Env(), work, [counted, error](Napi::Env env) -> Value {
        if (*error < 0) return from_number(env, -*error);
        Napi::Array result = Napi::Array::New(env, counted->size());
        for (uint32_t i = 0; i < counted->size(); i++) {
            const CountedElement &element = (*counted)[i];
            Napi::Object object = Napi::Object::New(env);
            object.Set("set", element.set);
            object.Set("key", Napi::Buffer<uint8_t>::Copy(env, element.key.data(), element.key.size()));
            object.Set("packets", static_cast<double>(element.packets));
            result.Set(i, object);
        }
        return result;
    });
}

// portSockets(handle, protocol, port): Promise<{isListening, connections} | -errno>
Value port_sockets(Info info) {
    auto container = container_of(info);
    const uint8_t protocol = to_string(info[1]) == "tcp" ? IPPROTO_TCP : IPPROTO_UDP;
    const uint16_t port = to_u16(info[2]);
    auto found = std::make_shared<PortSockets>();
    auto error = std::make_shared<int>(-ESRCH);
    auto work = [container, protocol, port, found, error] {
        if (container && container->pidfd.valid())
            *error = count_sockets(container->pidfd, protocol, port, found.get());
    };
    return Task::run(info.Env(), work, [found, error](Napi::Env env) -> Value {
        if (*error < 0) return from_number(env, *error);
        Napi::Object object = Napi::Object::New(env);
        object.Set("isListening", found->listening);
        object.Set("connections", found->connections);
        return object;
    });
}

// watchTable(family, table, listener)
Value watch_table(Info info) {
    auto listener = listener_of(info.Env(), info[2], "niwa tables");
    auto lost = [listener] {
        listener.NonBlockingCall([](Napi::Env env, Napi::Function function) {
            if (env != nullptr) function.Call({});
        });
    };
    addon_of(info).tables.add(static_cast<uint8_t>(to_u32(info[0])), to_string(info[1]), lost);
    return info.Env().Undefined();
}

} // namespace

void export_services(Napi::Env env, Napi::Object exports) {
    export_all(env, exports,
               {{"openServices", open_services},
                {"closeServices", close_services},
                {"declareService", declare_service},
                {"forgetService", forget_service},
                {"changeService", change_service},
                {"addQueueRule", add_queue_rule},
                {"heldByServices", held_by_services},
                {"elementCounters", element_counters},
                {"portSockets", port_sockets},
                {"watchTable", watch_table}});
}
