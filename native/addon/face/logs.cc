// The logs of containers: what they write to their FIFOs is stored.
#include "addon.h"
#include "face.h"
#include "spawn_values.h"

namespace {

// openLog(handle, request): errno
Value open_log(Info info) {
    auto object = info[1].As<Napi::Object>();
    LogRequest request;
    request.stdout_path = to_string(object.Get("stdout"));
    request.stderr_path = to_string(object.Get("stderr"));
    request.directory = to_string(object.Get("directory"));
    request.bounds = to_log_bounds(object.Get("bounds").As<Napi::Object>());
    const Addon &addon = addon_of(info);
    auto container = addon.monitor->find(to_u32(info[0]));
    for (int i = 0; container && i < 2; i++) request.fifos[i] = std::move(container->log_fifos[i]);
    return from_result(info.Env(), addon.logs->open(to_u32(info[0]), std::move(request)));
}

// watchLog(handle)
Value watch_log(Info info) {
    addon_of(info).logs->watch(to_u32(info[0]));
    return info.Env().Undefined();
}

} // namespace

void export_logs(Napi::Env env, Napi::Object exports) {
    export_all(env, exports, {{"openLog", open_log}, {"watchLog", watch_log}});
}
