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

// A list of values for JavaScript: to set the fields of an object by their names takes several times as long.
Napi::Array from_list(Napi::Env env, std::initializer_list<Value> values) {
    auto list = Napi::Array::New(env, values.size());
    uint32_t i = 0;
    for (const Value &value : values) list.Set(i++, value);
    return list;
}

Value from_usec(Napi::Env env, uint64_t ns) {
    return from_number(env, static_cast<double>(ns / 1000));
}

// The start of a container: what is asked for, and what comes of it.
struct Start {
    uint64_t lifetime_ns = 0;
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
    return from_list(env, {from_ns(env, start.started_ns), from_ns(env, start.deadline.at_ns),
                           from_usec(env, start.started_ns - start.asked_ns),
                           from_usec(env, start.executed_ns - start.started_ns)});
}

// All of one call of create(), from the request to the answer.
struct Making {
    SpawnRequest request;
    uint32_t network_of = 0;
    std::shared_ptr<Helper> helper; // kept open for as long as the worker runs
    uint64_t asked_ns = 0, queue_ns = 0;
    Spawned spawned;
    int log_error = 0; // the errno for which its output is not stored
    Start start;
};

// Begins to store the output of a container that was just made. Gives 0 or a negative errno.
int open_log(LogPump &logs, const SpawnRequest &request, Container &container) {
    LogRequest log;
    log.stdout_path = request.stdout_path;
    log.stderr_path = request.stderr_path;
    log.directory = request.log_directory;
    log.bounds = *request.common->log;
    int error = logs.open(request.handle, std::move(log));
    for (Fd &fifo : container.output) fifo.reset();
    return error;
}

// Makes the container, opens its log, and starts it, as the request says. Runs on a worker thread.
void run_making(Addon &addon, Making &making) {
    SpawnRequest &request = making.request;
    making.queue_ns = boottime_ns() - making.asked_ns;
    if (making.network_of != 0 && !request.network_of) { // a clone would get niwad's own network namespace
        making.spawned.failure = {Failure::kClone, 0, ESRCH, 0};
        return;
    }
    Fd netns = (request.common->namespaces & CLONE_NEWNET) != 0 ? addon.netns.take() : Fd();
    request.netns = netns.get();
    making.spawned = create_container(request);
    if (making.spawned.failure.failed()) return;
    Container &container = *making.spawned.container;
    addon.monitor->add(making.spawned.container);
    uint64_t made_ns = boottime_ns();
    if (request.common->log) making.log_error = -open_log(*addon.logs, request, container);
    making.start.asked_ns = boottime_ns();
    making.spawned.phases.boot += making.start.asked_ns - made_ns;
    if (request.starts) run_start(*addon.monitor, container, request.starts_at_once(), making.start);
}

Value from_making(Napi::Env env, const Making &making) {
    const Spawned &spawned = making.spawned;
    if (spawned.failure.failed()) return from_failure(env, spawned.failure);
    const Phases &phases = spawned.phases;
    Value started = making.request.starts ? from_start(env, making.start) : env.Null();
    return from_list(env, {from_number(env, spawned.container->life.pid), from_ns(env, spawned.start_ticks),
                           from_number(env, making.log_error), started, from_usec(env, making.queue_ns),
                           from_usec(env, phases.group), from_usec(env, phases.devices), from_usec(env, phases.userns),
                           from_usec(env, phases.clone), from_usec(env, phases.boot)});
}

// create(template, handle, id, cgroup, uidMap, gidMap, owner, mountMaps, stdioUid, stdioGid, stdout, stderr, files,
// logDirectory, networkOf, program, start): Promise<[pid, startTicks, logErrno, started, queue, group, devices, userns,
// clone, boot] | failure>
Value create(Info info) {
    Addon &addon = addon_of(info);
    Arguments arguments(info);
    auto making = std::make_shared<Making>();
    making->helper = addon.helper;
    SpawnRequest &request = making->request = to_spawn_request(arguments);
    request.stdio_uid = to_u32(arguments.next());
    request.stdio_gid = to_u32(arguments.next());
    request.stdout_path = to_string(arguments.next());
    request.stderr_path = to_string(arguments.next());
    request.files = to_pairs(arguments.next().As<Napi::Array>());
    request.log_directory = to_string(arguments.next());
    making->network_of = to_u32(arguments.next());
    request.network_of = addon.monitor->find(making->network_of);
    request.program = to_bytes(arguments.next());
    Value start = arguments.next();
    request.starts = !start.IsNull();
    if (request.starts) {
        auto wanted = start.As<Napi::Object>();
        making->start = to_start(wanted.Get("lifetimeNs"), wanted.Get("deadline"));
    }
    request.helper = making->helper.get();
    making->asked_ns = boottime_ns();
    auto work = [&addon, making] { run_making(addon, *making); };
    return Task::run(info.Env(), work, [making](Napi::Env env) { return from_making(env, *making); });
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

// start(handle, lifetimeNs, deadline): Promise<[startedNs, deadlineNs, startQueue, exec] | failure>
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
