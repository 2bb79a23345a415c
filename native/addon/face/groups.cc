// What happens to all processes of a container at once: signals, limits, freezing.
#include <cerrno>
#include <functional>

#include "../../core/signals.h"
#include "addon.h"
#include "face.h"
#include "promises.h"

namespace {

// Runs `act` on the container behind the first argument. Gives the errno, ESRCH where there is none.
Value with_container(Info info, const std::function<int(Container &)> &act) {
    auto container = container_of(info);
    int error = container ? act(*container) : -ESRCH;
    return from_result(info.Env(), error);
}

// signal(handle, signal): the signal that was sent, or -errno
Value send_signal(Info info) {
    auto container = container_of(info);
    int result = container ? send_with_default_action(*container, to_int(info[1])) : -ESRCH;
    return from_number(info.Env(), result);
}

// kill(handle): errno
Value kill_group(Info info) {
    return with_container(info, [](Container &container) { return container.group.kill(); });
}

// write(handle, file, value): errno
Value write_group(Info info) {
    std::string file = to_string(info[1]), value = to_string(info[2]);
    return with_container(info,
                          [&](Container &container) { return container.group.write(file.c_str(), value.c_str()); });
}

// freeze(handle, frozen, timeoutMs): Promise<errno>
Value freeze(Info info) {
    auto container = container_of(info);
    bool frozen = to_bool(info[1]);
    int timeout_ms = to_int(info[2]);
    auto error = std::make_shared<int>(-ESRCH);
    auto work = [container, frozen, timeout_ms, error] {
        if (!container) return;
        *error = container->group.write("cgroup.freeze", frozen ? "1" : "0");
        if (*error == 0) *error = container->group.wait_event("frozen", frozen, timeout_ms);
    };
    return Task::run(info.Env(), work, [error](Napi::Env env) -> Value { return from_result(env, *error); });
}

} // namespace

void export_groups(Napi::Env env, Napi::Object exports) {
    export_all(env, exports,
               {{"signal", send_signal}, {"kill", kill_group}, {"write", write_group}, {"freeze", freeze}});
}
