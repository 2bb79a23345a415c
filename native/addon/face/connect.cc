#include "connect.h"

#include <cerrno>

#include "../connect.h"
#include "../listen.h"
#include "face.h"

namespace {

// connectIn(handle, port): Promise<fd | -errno>
Value connect_to(Info info) {
    auto container = addon_of(info.Env()).monitor->find(to_u32(info[0]));
    auto port = static_cast<uint16_t>(to_u32(info[1]));
    auto connected = std::make_shared<Fd>();
    auto error = std::make_shared<int>(-ESRCH);
    auto work = [container, port, connected, error] {
        if (container && container->pidfd.valid()) *connected = connect_in(container->pidfd, port, error.get());
    };
    return Task::run(info.Env(), work, [connected, error](Napi::Env env) -> Value {
        return Napi::Number::New(env, connected->valid() ? connected->release() : *error);
    });
}

// listenAt(path, backlog): fd | -errno
Value listen_on(Info info) {
    return Napi::Number::New(info.Env(), listen_at(to_string(info[0]), info[1].As<Napi::Number>().Int32Value()));
}

// keeperHold(fd | -1)
Value keeper_hold(Info info) {
    addon_of(info.Env()).keeper.hold(info[0].As<Napi::Number>().Int32Value());
    return info.Env().Undefined();
}

// keeperHeld(): fd | -1
Value keeper_held(Info info) {
    return Napi::Number::New(info.Env(), addon_of(info.Env()).keeper.held().release());
}

} // namespace

void register_connect(Napi::Env env, Napi::Object exports) {
    exports.Set("connectIn", Napi::Function::New(env, connect_to, "connectIn"));
    exports.Set("listenAt", Napi::Function::New(env, listen_on, "listenAt"));
    exports.Set("keeperHold", Napi::Function::New(env, keeper_hold, "keeperHold"));
    exports.Set("keeperHeld", Napi::Function::New(env, keeper_held, "keeperHeld"));
}
