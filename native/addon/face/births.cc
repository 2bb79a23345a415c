// The socket of the OCI command, and the containers whose processes it makes.
#include <cerrno>
#include <fcntl.h>

#include "../../core/pidfd.h"
#include "../birth.h"
#include "../exec.h"
#include "../exec_group.h"
#include "../group_processes.h"
#include "addon.h"
#include "face.h"
#include "promises.h"
#include "spawn_values.h"

namespace {

Value from_frame(Napi::Env env, FrameEvent &event) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("connection", event.connection);
    object.Set("closed", event.closed);
    object.Set("kind", event.kind);
    object.Set("body", Napi::Buffer<uint8_t>::Copy(env, event.body.data(), event.body.size()));
    auto descriptors = Napi::Array::New(env, event.descriptors.size());
    for (uint32_t i = 0; i < event.descriptors.size(); i++) descriptors.Set(i, event.descriptors[i].release());
    object.Set("descriptors", descriptors);
    return object;
}

std::vector<Fd> to_descriptors(const Value &value) {
    std::vector<Fd> descriptors;
    auto array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) descriptors.emplace_back(to_int(array.Get(i)));
    return descriptors;
}

// openFrames(listening, listener): errno
Value open_frames(Info info) {
    Addon &addon = addon_of(info);
    Fd listening(to_int(info[0]));
    // a service manager hands over sockets that block and that children inherit
    if (fcntl(listening.get(), F_SETFL, O_NONBLOCK) < 0 || fcntl(listening.get(), F_SETFD, FD_CLOEXEC) < 0)
        return from_result(info.Env(), -errno);
    addon.frame_listener = Napi::ThreadSafeFunction::New(info.Env(), info[1].As<Napi::Function>(), "niwa frames", 0, 1);
    addon.frame_listener.Unref(info.Env());
    addon.frames.open(std::move(listening), [listener = addon.frame_listener](std::unique_ptr<FrameEvent> event) {
        auto call = [](Napi::Env env, Napi::Function function, FrameEvent *raw) {
            std::unique_ptr<FrameEvent> owned(raw);
            if (env != nullptr) function.Call({from_frame(env, *owned)});
        };
        FrameEvent *raw = event.release();
        if (listener.NonBlockingCall(raw, call) != napi_ok) delete raw;
    });
    return from_result(info.Env(), 0);
}

// sendFrame(connection, kind, body, descriptors)
Value send_frame(Info info) {
    addon_of(info).frames.send(to_u32(info[0]), to_u32(info[1]), to_bytes(info[2]), to_descriptors(info[3]));
    return info.Env().Undefined();
}

// closeFrames()
Value close_frames(Info info) {
    addon_of(info).frames.close();
    return info.Env().Undefined();
}

// prepareBirth(template, handle, id, cgroup, uidMap, gidMap, owner, mountMaps):
// Promise<{ boot, group, userns, mountUserns } | failure>
Value prepare(Info info) {
    Addon &addon = addon_of(info);
    auto helper = addon.helper;
    Arguments arguments(info);
    auto request = std::make_shared<SpawnRequest>(to_spawn_request(arguments));
    auto place = std::make_shared<Birthplace>();
    auto work = [request, place] { *place = prepare_birth(*request); };
    return Task::run(info.Env(), work, [&addon, helper, request, place](Napi::Env env) -> Value {
        if (place->failure.failed()) return from_failure(env, place->failure);
        Fd boot = copy_of(helper->program);
        if (!boot.valid()) {
            int error = errno;
            undo_container(*place->container);
            return from_failure(env, {Failure::kClone, 0, error, 0});
        }
        addon.unborn[request->handle] = place->container;
        Napi::Object result = Napi::Object::New(env);
        result.Set("boot", boot.release());
        result.Set("group", place->group.release());
        if (place->namespaces.own.valid()) result.Set("userns", place->namespaces.own.release());
        auto of_mounts = Napi::Array::New(env, place->namespaces.of_mounts.size());
        for (uint32_t i = 0; i < of_mounts.Length(); i++) of_mounts.Set(i, place->namespaces.of_mounts[i].release());
        result.Set("mountUserns", of_mounts);
        return result;
    });
}

// takeNetwork(): a descriptor of a network namespace that was made ahead, or -1 where none is ready
Value take_network(Info info) {
    return from_number(info.Env(), addon_of(info).netns.take().release());
}

// takeBorn(handle, pidfd, control, lateWrites, givesGroup): Promise<pid | failure>
Value take(Info info) {
    Addon &addon = addon_of(info);
    auto found = addon.unborn.find(to_u32(info[0]));
    auto pidfd = std::make_shared<Fd>(to_int(info[1]));
    auto control = std::make_shared<Fd>(to_int(info[2]));
    auto writes = std::make_shared<std::vector<GroupWrite>>(to_pairs(info[3].As<Napi::Array>()));
    bool gives_group = info[4].As<Napi::Boolean>();
    auto container = found == addon.unborn.end() ? nullptr : found->second;
    auto failure = std::make_shared<Failure>(Failure{Failure::kClone, 0, ESRCH, 0});
    Monitor *monitor = addon.monitor.get();
    auto work = [=] {
        if (!container) return;
        *failure = take_born(*container, std::move(*pidfd), std::move(*control), *writes, gives_group);
        if (!failure->failed()) monitor->add(container);
    };
    return Task::run(info.Env(), work, [&addon, container, failure](Napi::Env env) -> Value {
        if (failure->failed()) return from_failure(env, *failure);
        addon.unborn.erase(container->handle);
        return from_number(env, container->life.pid);
    });
}

// undoBirth(handle): Promise<errno>
Value undo(Info info) {
    Addon &addon = addon_of(info);
    auto found = addon.unborn.find(to_u32(info[0]));
    auto container = found == addon.unborn.end() ? nullptr : found->second;
    if (container) addon.unborn.erase(found);
    auto work = [container] {
        if (container) undo_container(*container);
    };
    return Task::run(info.Env(), work, [](Napi::Env env) -> Value { return from_result(env, 0); });
}

// enterBirth(handle, group below or ""): { boot, group, first } | errno: descriptors for a process that another program
// makes in a container that runs
Value enter(Info info) {
    auto container = container_of(info);
    if (!container || !container->pidfd.valid()) return from_result(info.Env(), -ESRCH);
    Fd boot(copy_of(addon_of(info).helper->program)), first(copy_of(container->pidfd));
    Fd group = open_exec_group(*container, info[1].As<Napi::String>());
    if (!boot.valid() || !first.valid() || !group.valid()) return from_result(info.Env(), -errno);
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("boot", boot.release());
    result.Set("group", group.release());
    result.Set("first", first.release());
    return result;
}

// processesOf(handle): Promise<pid[]>
Value list_processes(Info info) {
    auto container = container_of(info);
    auto pids = std::make_shared<std::vector<pid_t>>();
    auto work = [container, pids] {
        if (container) *pids = processes_of(container->group);
    };
    return Task::run(info.Env(), work, [pids](Napi::Env env) -> Value {
        auto array = Napi::Array::New(env, pids->size());
        for (uint32_t i = 0; i < pids->size(); i++) array.Set(i, (*pids)[i]);
        return array;
    });
}

// deliverAll(handle, signal): Promise<undefined>
Value deliver_all(Info info) {
    auto container = container_of(info);
    int signal = to_int(info[1]);
    auto work = [container, signal] {
        if (container) signal_processes_of(container->group, signal);
    };
    return Task::run(info.Env(), work, [](Napi::Env env) -> Value { return env.Undefined(); });
}

// hasEnded(handle): boolean
Value process_has_ended(Info info) {
    auto container = container_of(info);
    return from_bool(info.Env(), !container || !container->pidfd.valid() || has_ended(container->pidfd));
}

// deliver(handle, signal): errno. Sends the signal as it is: the kernel drops one that an init does not handle.
Value deliver(Info info) {
    auto container = container_of(info);
    bool sent = container && signal_process(container->pidfd, to_int(info[1])) == 0;
    return from_result(info.Env(), sent ? 0 : container ? -errno : -ESRCH);
}

} // namespace

void export_births(Napi::Env env, Napi::Object exports) {
    export_all(env, exports,
               {{"openFrames", open_frames},
                {"sendFrame", send_frame},
                {"closeFrames", close_frames},
                {"prepareBirth", prepare},
                {"takeNetwork", take_network},
                {"takeBorn", take},
                {"undoBirth", undo},
                {"hasEnded", process_has_ended},
                {"deliver", deliver},
                {"deliverAll", deliver_all},
                {"enterBirth", enter},
                {"processesOf", list_processes}});
}
