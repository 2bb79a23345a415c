// Making, starting and ending containers.
#include <cerrno>
#include <sched.h>

#include "../../core/clock.h"
#include "../../core/pidfd.h"
#include "../../core/signals.h"
#include "../adopt.h"
#include "../spawn.h"
#include "addon.h"
#include "face.h"
#include "promises.h"
#include "spawn_values.h"

namespace {

Deadline to_deadline(const Napi::Object &object) {
    return {to_ns(object.Get("atNs")), to_u32(object.Get("cause")), to_int(object.Get("signal")),
            to_ns(object.Get("timeoutNs"))};
}

SpawnRequest to_request(const Napi::Object &object, Helper *helper) {
    SpawnRequest request;
    request.handle = to_u32(object.Get("handle"));
    request.id = to_string(object.Get("id"));
    request.cgroup = to_string(object.Get("cgroup"));
    request.writes = to_pairs(object.Get("writes").As<Napi::Array>());
    request.late_writes = to_pairs(object.Get("lateWrites").As<Napi::Array>());
    request.namespaces = to_u32(object.Get("namespaces"));
    request.input = to_bool(object.Get("stdin"));
    request.files = to_pairs(object.Get("files").As<Napi::Array>());
    request.stdout_path = to_string(object.Get("stdout"));
    request.stderr_path = to_string(object.Get("stderr"));
    request.stdio_uid = to_u32(object.Get("stdioUid"));
    request.stdio_gid = to_u32(object.Get("stdioGid"));
    request.pid_namespace = to_string(object.Get("pidNamespace"));
    request.uid_map = to_string(object.Get("uidMap"));
    request.gid_map = to_string(object.Get("gidMap"));
    request.owner = to_u32(object.Get("owner"));
    request.mount_maps = to_pairs(object.Get("mountMaps").As<Napi::Array>());
    request.image = to_string(object.Get("image"));
    request.reach = to_string(object.Get("reach"));
    request.filter_devices = object.Get("devices").IsArray();
    if (request.filter_devices) request.devices = kept_device_rules(object.Get("devices").As<Napi::Array>());
    request.holds_mounts = to_bool(object.Get("holdsMounts"));
    request.program = to_bytes(object.Get("program"));
    request.starts = !object.Get("start").IsNull();
    request.helper = helper;
    return request;
}

// How long parts of a start took, in microseconds by their names.
Napi::Object from_phases(Napi::Env env, std::initializer_list<std::pair<const char *, uint64_t>> phases_ns) {
    Napi::Object object = Napi::Object::New(env);
    for (const auto &[name, ns] : phases_ns) object.Set(name, static_cast<double>(ns / 1000));
    return object;
}

// The start of a container: what is asked for, and what comes of it.
struct Start {
    uint64_t lifetime_ns;
    Deadline deadline;
    Failure failure{Failure::kBoot, UINT32_MAX, ESRCH, 0};
    uint64_t asked_ns = 0;
    uint64_t started_ns = 0;
    uint64_t executed_ns = 0;
};

Start to_start(Napi::Value lifetime_ns, Napi::Value deadline) {
    return {to_ns(lifetime_ns), to_deadline(deadline.As<Napi::Object>())};
}

void begin_lifetime(Monitor &monitor, const Container &container, Start &start) {
    start.started_ns = boottime_ns();
    if (start.lifetime_ns > 0) start.deadline.at_ns = start.started_ns + start.lifetime_ns;
    monitor.begin(container.handle, start.started_ns, start.deadline);
}

// Starts the lifetime of a container, and waits until its workload is executed. Runs on a worker thread.
void run_start(Monitor &monitor, Container &container, bool already_sent, Start &start) {
    begin_lifetime(monitor, container, start);
    start.failure = start_container(container, already_sent);
    start.executed_ns = boottime_ns();
}

Value from_start(Napi::Env env, const Start &start) {
    if (start.failure.failed()) return from_failure(env, start.failure);
    Napi::Object result = Napi::Object::New(env);
    result.Set("startedNs", from_ns(env, start.started_ns));
    result.Set("deadlineNs", from_ns(env, start.deadline.at_ns));
    result.Set("phases", from_phases(env, {{"startQueue", start.started_ns - start.asked_ns},
                                           {"exec", start.executed_ns - start.started_ns}}));
    return result;
}

// create(request): Promise<{ pid, startTicks, phases, started } | failure>
Value create(Info info) {
    Addon &addon = addon_of(info);
    auto helper = addon.helper; // kept open for as long as the worker runs
    auto object = info[0].As<Napi::Object>();
    auto request = std::make_shared<SpawnRequest>(to_request(object, helper.get()));
    uint32_t network_of = to_u32(object.Get("networkOf"));
    request->network_of = addon.monitor->find(network_of);
    bool network_gone = network_of != 0 && !request->network_of; // a clone would get niwad's own network namespace
    auto spawned = std::make_shared<Spawned>();
    auto start = std::make_shared<Start>();
    if (request->starts) {
        auto wanted = object.Get("start").As<Napi::Object>();
        *start = to_start(wanted.Get("lifetimeNs"), wanted.Get("deadline"));
    }
    Monitor *monitor = addon.monitor.get();
    auto queued_ns = std::make_shared<uint64_t>(boottime_ns());
    auto work = [helper, request, spawned, start, monitor, queued_ns, network_gone, &addon] {
        *queued_ns = boottime_ns() - *queued_ns;
        if (network_gone) {
            spawned->failure = {Failure::kClone, 0, ESRCH, 0};
            return;
        }
        Fd netns = (request->namespaces & CLONE_NEWNET) != 0 ? addon.netns.take() : Fd();
        request->netns = netns.get();
        *spawned = create_container(*request);
        if (spawned->failure.failed()) return;
        monitor->add(spawned->container);
        start->asked_ns = boottime_ns();
        if (request->starts) run_start(*monitor, *spawned->container, request->starts_at_once(), *start);
    };
    return Task::run(info.Env(), work, [request, spawned, start, queued_ns](Napi::Env env) -> Value {
        if (spawned->failure.failed()) return from_failure(env, spawned->failure);
        Napi::Object result = Napi::Object::New(env);
        result.Set("pid", spawned->container->life.pid);
        result.Set("startTicks", from_ns(env, spawned->start_ticks));
        const Phases &phases = spawned->phases;
        result.Set("phases", from_phases(env, {{"queue", *queued_ns},
                                               {"group", phases.group},
                                               {"devices", phases.devices},
                                               {"userns", phases.userns},
                                               {"clone", phases.clone},
                                               {"boot", phases.boot}}));
        result.Set("started", request->starts ? from_start(env, *start) : env.Null());
        return result;
    });
}

AdoptRequest to_adopt_request(const Napi::Object &object) {
    AdoptRequest request;
    request.handle = to_u32(object.Get("handle"));
    snprintf(request.life.id, kIdBytes, "%s", to_string(object.Get("id")).c_str());
    request.cgroup = to_string(object.Get("cgroup"));
    request.life.pid = to_int(object.Get("pid"));
    request.start_ticks = to_ns(object.Get("startTicks"));
    request.holds_mounts = to_bool(object.Get("holdsMounts"));
    request.life.started_ns = to_ns(object.Get("startedNs"));
    request.life.deadline = to_deadline(object.Get("deadline").As<Napi::Object>());
    request.stdout_path = to_string(object.Get("stdout"));
    request.stderr_path = to_string(object.Get("stderr"));
    return request;
}

// prepareAdoptions(requests): Promise<undefined>
Value prepare_adoptions(Info info) {
    Addon &addon = addon_of(info);
    auto objects = info[0].As<Napi::Array>();
    auto requests = std::make_shared<std::vector<AdoptRequest>>();
    for (uint32_t i = 0; i < objects.Length(); i++)
        requests->push_back(to_adopt_request(objects.Get(i).As<Napi::Object>()));
    auto adoptions = std::make_shared<std::vector<Adoption>>();
    auto work = [&addon, requests, adoptions] { *adoptions = prepare_adoptions(addon.keeper, *requests); };
    return Task::run(info.Env(), work, [&addon, requests, adoptions](Napi::Env env) -> Value {
        for (size_t i = 0; i < requests->size(); i++)
            addon.adoptions[(*requests)[i].handle] = std::move((*adoptions)[i]);
        return env.Undefined();
    });
}

// adopt(handle): { pid, startedNs, deadlineNs, stopping, endKnown, frozen } | errno
Value adopt(Info info) {
    Addon &addon = addon_of(info);
    auto found = addon.adoptions.extract(to_u32(info[0]));
    if (found.empty()) return from_result(info.Env(), -ENOENT);
    Adoption &adoption = found.mapped();
    if (adoption.error < 0) return from_result(info.Env(), adoption.error);
    bool end_known = is_end_known(adoption);
    addon.monitor->add(adoption.container, adoption.was_kept);
    Life life = addon.monitor->life_of(found.key());
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("pid", life.pid);
    result.Set("startedNs", from_ns(info.Env(), life.started_ns));
    result.Set("deadlineNs", from_ns(info.Env(), life.deadline.at_ns));
    result.Set("stopping", life.stopping_ns != 0);
    result.Set("endKnown", end_known);
    result.Set("frozen", adoption.frozen);
    return result;
}

// start(handle, lifetimeNs, deadline): Promise<{ startedNs, deadlineNs, phases } | failure>
Value start(Info info) {
    Monitor *monitor = addon_of(info).monitor.get();
    auto container = monitor->find(to_u32(info[0]));
    auto start = std::make_shared<Start>(to_start(info[1], info[2]));
    start->asked_ns = boottime_ns();
    auto work = [monitor, container, start] {
        if (container) run_start(*monitor, *container, false, *start);
    };
    return Task::run(info.Env(), work, [start](Napi::Env env) -> Value { return from_start(env, *start); });
}

// startBorn(handle, lifetimeNs, deadline): as start(), but no worker thread waits
Value start_born(Info info) {
    Addon &addon = addon_of(info);
    auto container = addon.monitor->find(to_u32(info[0]));
    Start start = to_start(info[1], info[2]);
    start.asked_ns = boottime_ns();
    const bool may_end = true; // niwad does not wait for hooks when it stops
    Answer<Start> answer(info.Env(), from_start, may_end);
    if (!container) {
        answer(start);
        return answer.promise();
    }
    begin_lifetime(*addon.monitor, *container, start);
    addon.born_starts.begin(container, [answer, start](const Failure &failure) {
        Start ended = start;
        ended.failure = failure;
        ended.executed_ns = boottime_ns();
        answer(ended);
    });
    return answer.promise();
}

// setDeadline(handle, deadline): boolean
Value set_deadline(Info info) {
    bool set = addon_of(info).monitor->set_deadline(to_u32(info[0]), to_deadline(info[1].As<Napi::Object>()));
    return from_bool(info.Env(), set);
}

// takeInput(handle): fd | -errno. The writing end of its standard input, which only the first caller gets (-EPIPE for
// the others).
Value take_input(Info info) {
    auto container = container_of(info);
    Fd input = container ? addon_of(info).keeper.take_input(*container) : Fd();
    return from_number(info.Env(), input.valid() ? input.release() : -EPIPE);
}

Value from_left(Napi::Env env, const Left &left) {
    Napi::Object result = Napi::Object::New(env);
    result.Set("group", left.group);
    result.Set("files", left.files);
    return result;
}

// end(handle, files): Promise<{ group, files }>
Value end(Info info) {
    Addon &addon = addon_of(info);
    uint32_t handle = to_u32(info[0]);
    auto paths = info[1].As<Napi::Array>();
    std::vector<std::string> files;
    for (uint32_t i = 0; i < paths.Length(); i++) files.push_back(to_string(paths.Get(i)));
    Answer<Left> answer(info.Env(), from_left);
    addon.endings.begin(handle, container_of(info), std::move(files), answer);
    Endings *endings = &addon.endings;
    addon.logs->drain(handle, [endings, handle](int) { endings->done(handle, Endings::kOutput); });
    addon.mounts.await(handle, [endings, handle] { endings->done(handle, Endings::kMounts); });
    return answer.promise();
}

// release(handle)
Value release(Info info) {
    Addon &addon = addon_of(info);
    std::string id = addon.monitor->life_of(to_u32(info[0])).id;
    addon.monitor->release(to_u32(info[0]));
    addon.keeper.forget(id);
    return info.Env().Undefined();
}

} // namespace

void export_containers(Napi::Env env, Napi::Object exports) {
    export_all(env, exports,
               {{"create", create},
                {"prepareAdoptions", prepare_adoptions},
                {"adopt", adopt},
                {"start", start},
                {"startBorn", start_born},
                {"setDeadline", set_deadline},
                {"takeInput", take_input},
                {"end", end},
                {"release", release}});
}
