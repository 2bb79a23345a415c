// The relay of connections to services.
#include "../service_relay.h"

#include <utility>

#include "addon.h"
#include "face.h"
#include "promises.h"
#include "service_values.h"

namespace {

// openServiceRelay(onHeld): Promise<port | -errno>
Value open_service_relay(Info info) {
    auto listener = Napi::ThreadSafeFunction::New(info.Env(), info[0].As<Napi::Function>(), "niwa service relay", 0, 1);
    listener.Unref(info.Env()); // it does not keep Node.js alive: the socket of the API does
    auto on_held = [listener](uint32_t service) {
        listener.NonBlockingCall([service](Napi::Env env, Napi::Function function) {
            if (env != nullptr) function.Call({from_number(env, service)});
        });
    };
    auto before = std::exchange(addon_of(info).relay_listener, listener);
    Answer<int> answer(info.Env(), [](Napi::Env env, const int &port) { return from_number(env, port); });
    addon_of(info).service_relay.open(on_held, [answer, before](int port) mutable {
        release_listener(before);
        answer(port);
    });
    return answer.promise();
}

// closeServiceRelay(): Promise<0>
Value close_service_relay(Info info) {
    Answer<int> answer(info.Env(), [](Napi::Env env, const int &number) { return from_number(env, number); });
    addon_of(info).service_relay.close(answer);
    return answer.promise();
}

// declareRelayed(service, addresses, bound)
Value declare_relayed(Info info) {
    auto addresses = to_service_addresses(info[1].As<Napi::Array>());
    addon_of(info).service_relay.declare(to_u32(info[0]), std::move(addresses), to_u32(info[2]));
    return info.Env().Undefined();
}

// forgetRelayed(service)
Value forget_relayed(Info info) {
    addon_of(info).service_relay.forget(to_u32(info[0]));
    return info.Env().Undefined();
}

// changeRelayed(service, targets, holds): Promise<let go | -errno>
Value change_relayed(Info info) {
    std::vector<RelayTarget> targets;
    auto array = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) {
        auto object = array.Get(i).As<Napi::Object>();
        targets.push_back({to_string(object.Get("id")), bytes_of(object.Get("address")),
                           bytes_of(object.Get("address6")), to_u16(object.Get("port"))});
    }
    Answer<int> answer(info.Env(), [](Napi::Env env, const int &let_go) { return from_number(env, let_go); });
    addon_of(info).service_relay.change(to_u32(info[0]), std::move(targets), to_bool(info[2]), answer);
    return answer.promise();
}

Value from_counts(Napi::Env env, const std::vector<RelayCounts> &counts) {
    Napi::Array array = Napi::Array::New(env);
    for (const RelayCounts &count : counts) {
        Napi::Object object = Napi::Object::New(env), by_instance = Napi::Object::New(env);
        for (const auto &[instance, many] : count.by_instance) by_instance.Set(instance, static_cast<double>(many));
        object.Set("service", count.service);
        object.Set("held", static_cast<double>(count.held));
        object.Set("now", static_cast<double>(count.now));
        object.Set("full", static_cast<double>(count.full));
        object.Set("relayed", static_cast<double>(count.relayed));
        object.Set("byInstance", by_instance);
        array.Set(array.Length(), object);
    }
    return array;
}

// countRelayed(): Promise<counts[]>
Value count_relayed(Info info) {
    Answer<std::vector<RelayCounts>> answer(info.Env(), from_counts);
    addon_of(info).service_relay.counts(answer);
    return answer.promise();
}

} // namespace

void export_service_relay(Napi::Env env, Napi::Object exports) {
    export_all(env, exports,
               {{"openServiceRelay", open_service_relay},
                {"closeServiceRelay", close_service_relay},
                {"declareRelayed", declare_relayed},
                {"forgetRelayed", forget_relayed},
                {"changeRelayed", change_relayed},
                {"countRelayed", count_relayed}});
}
