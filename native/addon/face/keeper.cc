// The connection to the keeper.
#include "addon.h"
#include "face.h"
#include "promises.h"

namespace {

// keeperConnect(path): Promise<ids | errno>
Value keeper_connect(Info info) {
    Addon &addon = addon_of(info);
    std::string path = to_string(info[0]);
    auto error = std::make_shared<int>(0);
    auto work = [&addon, path, error] {
        *error = addon.keeper.connect(path);
        if (*error == 0) addon.monitor->report_all([&addon] { addon.keeper.wait_for_buffer(); });
    };
    return Task::run(info.Env(), work, [&addon, error](Napi::Env env) -> Value {
        if (*error < 0) return from_result(env, *error);
        auto ids = Napi::Array::New(env);
        for (const Life &life : addon.keeper.unclaimed()) ids.Set(ids.Length(), life.id);
        return ids;
    });
}

// keeperAlive(): boolean
Value keeper_alive(Info info) {
    return from_bool(info.Env(), addon_of(info).keeper.alive());
}

// keeperDrop(id)
Value keeper_drop(Info info) {
    addon_of(info).keeper.forget_unclaimed(to_string(info[0]));
    return info.Env().Undefined();
}

// keeperHold(fd | -1)
Value keeper_hold(Info info) {
    addon_of(info).keeper.keep_listener(to_int(info[0]));
    return info.Env().Undefined();
}

// keeperHeld(): fd | -1
Value keeper_held(Info info) {
    return from_number(info.Env(), addon_of(info).keeper.take_listener().release());
}

} // namespace

void export_keeper(Napi::Env env, Napi::Object exports) {
    export_all(env, exports,
               {{"keeperConnect", keeper_connect},
                {"keeperAlive", keeper_alive},
                {"keeperDrop", keeper_drop},
                {"keeperHold", keeper_hold},
                {"keeperHeld", keeper_held}});
}
