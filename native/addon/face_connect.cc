#include "face_connect.h"

#include <cerrno>

#include "connect.h"
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

} // namespace

void register_connect(Napi::Env env, Napi::Object exports) {
    exports.Set("connectIn", Napi::Function::New(env, connect_to, "connectIn"));
}
