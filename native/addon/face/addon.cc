// The face of the addon: turns JavaScript values into requests and back. src/native.ts documents every call.
#include <cerrno>
#include <cstring>
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>

#include "../../core/pidfd.h"
#include "../../core/signals.h"
#include "../adopt.h"
#include "../boot_image.h"
#include "../lock.h"
#include "../notify.h"
#include "../peer.h"
#include "../seccomp.h"
#include "../spawn.h"
#include "connect.h"
#include "execs.h"
#include "face.h"
#include "filesystems.h"

namespace {

Deadline to_deadline(const Napi::Object &object) {
    return {to_ns(object.Get("atNs")), to_u32(object.Get("cause")),
            object.Get("signal").As<Napi::Number>().Int32Value(), to_ns(object.Get("timeoutNs"))};
}

// How long parts of a start took, in microseconds by their names.
Napi::Object from_phases(Napi::Env env, std::initializer_list<std::pair<const char *, uint64_t>> phases_ns) {
    Napi::Object object = Napi::Object::New(env);
    for (const auto &[name, ns] : phases_ns) object.Set(name, static_cast<double>(ns / 1000));
    return object;
}

Value from_row(Napi::Env env, const std::vector<double> &row) {
    auto array = Napi::Float64Array::New(env, row.size());
    std::copy(row.begin(), row.end(), array.Data());
    return array;
}

Value from_event(Napi::Env env, const Event &event) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("type", event.type == Event::kExit ? "exit" : "stopping");
    const Life &life = event.life;
    bool stopped = life.stopping_ns != 0;
    object.Set("handle", event.handle);
    object.Set("atNs", from_ns(env, event.type == Event::kExit ? life.exited_ns : life.stopping_ns));
    object.Set("cause", stopped ? life.deadline.cause : 0);
    object.Set("deadlineNs", from_ns(env, stopped ? life.deadline.at_ns : 0));
    object.Set("killedNs", from_ns(env, life.killed_ns));
    if (event.type != Event::kExit) return object;
    object.Set("statusKnown", life.status_known);
    object.Set("code", life.code);
    object.Set("signal", life.signal);
    object.Set("row", from_row(env, event.row));
    object.Set("ioStat", event.io_stat);
    return object;
}

Value from_news(Napi::Env env, const LogNews &news) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("type", news.type == LogNews::kOutput ? "output" : "log-error");
    object.Set("handle", news.handle);
    if (news.type == LogNews::kError) object.Set("errno", news.error);
    return object;
}

// loadHelper(path): errno
Value load_helper(Info info) {
    auto image = std::make_shared<Fd>();
    int error = load_boot_image(to_string(info[0]).c_str(), image.get());
    if (error == 0) addon_of(info.Env()).helper = image;
    return Napi::Number::New(info.Env(), -error);
}

// watch(listener): errno
Value watch(Info info) {
    Addon &addon = addon_of(info.Env());
    addon.listener = Napi::ThreadSafeFunction::New(info.Env(), info[0].As<Napi::Function>(), "niwa events", 0, 1);
    addon.listener.Unref(info.Env()); // the daemon's socket keeps the process alive, not this
    auto tell = [listener = addon.listener](std::unique_ptr<Event> event) {
        auto call = [](Napi::Env env, Napi::Function function, Event *told) {
            std::unique_ptr<Event> owned(told);
            if (env != nullptr) function.Call({from_event(env, *owned)});
        };
        Event *told = event.release();
        if (listener.NonBlockingCall(told, call) != napi_ok) delete told;
    };
    auto changed = [&addon](const Container &container) { addon.keeper.put(container); };
    addon.monitor = std::make_unique<Monitor>(tell, changed);
    addon.logs = std::make_unique<LogPump>([listener = addon.listener](const LogNews &news) {
        auto call = [](Napi::Env env, Napi::Function function, LogNews *told) {
            std::unique_ptr<LogNews> owned(told);
            if (env != nullptr) function.Call({from_news(env, *owned)});
        };
        auto *told = new LogNews(news);
        if (listener.NonBlockingCall(told, call) != napi_ok) delete told;
    });
    // All threads now: later one might not be to be had, and what was asked for would have to fail for it.
    int error = addon.monitor->start();
    if (error == 0) error = addon.logs->start();
    if (error == 0) error = addon.relay.start();
    if (error == 0) error = addon.execs.start();
    if (error == 0) error = addon.netns.start();
    return Napi::Number::New(info.Env(), -error);
}

std::vector<DeviceRule> to_device_rules(const Napi::Array &array) {
    std::vector<DeviceRule> rules;
    for (uint32_t i = 0; i < array.Length(); i++) {
        auto rule = array.Get(i).As<Napi::Object>();
        auto number = [&rule](const char *name) { return rule.Get(name).As<Napi::Number>().Int32Value(); };
        rules.push_back({to_string(rule.Get("type")) == "b", number("major"), number("minor")});
    }
    return rules;
}

std::vector<std::pair<std::string, std::string>> to_pairs(const Napi::Array &array) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (uint32_t i = 0; i < array.Length(); i++) {
        auto pair = array.Get(i).As<Napi::Array>();
        pairs.emplace_back(to_string(pair.Get(0u)), to_string(pair.Get(1u)));
    }
    return pairs;
}

SpawnRequest to_request(const Napi::Object &object, const Fd &helper) {
    SpawnRequest request;
    request.id = to_string(object.Get("id"));
    request.cgroup = to_string(object.Get("cgroup"));
    request.writes = to_pairs(object.Get("writes").As<Napi::Array>());
    request.late_writes = to_pairs(object.Get("lateWrites").As<Napi::Array>());
    request.namespaces = to_u32(object.Get("namespaces"));
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
    if (request.filter_devices) request.devices = to_device_rules(object.Get("devices").As<Napi::Array>());
    auto program = object.Get("program").As<Napi::Uint8Array>();
    request.program.assign(program.Data(), program.Data() + program.ByteLength());
    request.starts = !object.Get("start").IsNull();
    request.helper = helper.get();
    return request;
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

// Starts the lifetime of a container, and waits until its workload is executed. Runs on a worker thread.
void run_start(Monitor &monitor, Container &container, bool told, Start &start) {
    start.started_ns = boottime_ns();
    if (start.lifetime_ns > 0) start.deadline.at_ns = start.started_ns + start.lifetime_ns;
    monitor.begin(container.handle, start.started_ns, start.deadline);
    start.failure = start_container(container, told);
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

// create(request): Promise<{ handle, pid, phases, started } | failure>
Value create(Info info) {
    Addon &addon = addon_of(info.Env());
    auto helper = addon.helper; // kept open for as long as the worker runs
    auto object = info[0].As<Napi::Object>();
    auto request = std::make_shared<SpawnRequest>(to_request(object, *helper));
    request->network_of = addon.monitor->find(to_u32(object.Get("networkOf")));
    auto spawned = std::make_shared<Spawned>();
    auto start = std::make_shared<Start>();
    if (request->starts) {
        auto wanted = object.Get("start").As<Napi::Object>();
        *start = to_start(wanted.Get("lifetimeNs"), wanted.Get("deadline"));
    }
    Monitor *monitor = addon.monitor.get();
    auto queued_ns = std::make_shared<uint64_t>(boottime_ns());
    auto work = [helper, request, spawned, start, monitor, queued_ns, &addon] {
        *queued_ns = boottime_ns() - *queued_ns;
        Fd netns = (request->namespaces & CLONE_NEWNET) != 0 ? addon.netns.take() : Fd();
        request->netns = netns.get();
        *spawned = create_container(*request);
        if (spawned->failure.failed()) return;
        monitor->add(spawned->container);
        start->asked_ns = boottime_ns();
        if (request->starts) run_start(*monitor, *spawned->container, request->tells(), *start);
    };
    return Task::run(info.Env(), work, [request, spawned, start, queued_ns](Napi::Env env) -> Value {
        if (spawned->failure.failed()) return from_failure(env, spawned->failure);
        Napi::Object result = Napi::Object::New(env);
        result.Set("handle", spawned->container->handle);
        result.Set("pid", spawned->container->life.pid);
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

// adopt({ id, cgroup, pid, startTicks, startedNs, deadline }): { handle, pid, startedNs, deadlineNs, stopping, endKnown
// } | errno
Value adopt(Info info) {
    Addon &addon = addon_of(info.Env());
    auto object = info[0].As<Napi::Object>();
    AdoptRequest request;
    std::string id = to_string(object.Get("id"));
    snprintf(request.life.id, kIdBytes, "%s", id.c_str());
    request.cgroup = to_string(object.Get("cgroup"));
    request.life.pid = object.Get("pid").As<Napi::Number>().Int32Value();
    request.start_ticks = to_ns(object.Get("startTicks"));
    request.life.started_ns = to_ns(object.Get("startedNs"));
    request.life.deadline = to_deadline(object.Get("deadline").As<Napi::Object>());
    auto container = addon.keeper.claim(id, request.life.pid);
    bool was_kept = container != nullptr;
    int error = adopt_container(request, &container);
    if (error < 0) return Napi::Number::New(info.Env(), -error);
    // Without the keeper, one that waits to be reaped may have ended long ago.
    bool end_known =
        container->life.exited_ns != 0 || (container->pidfd.valid() && (was_kept || !has_ended(container->pidfd)));
    uint32_t handle = addon.monitor->add(container);
    Life life = addon.monitor->life_of(handle);
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("handle", handle);
    result.Set("pid", life.pid);
    result.Set("startedNs", from_ns(info.Env(), life.started_ns));
    result.Set("deadlineNs", from_ns(info.Env(), life.deadline.at_ns));
    result.Set("stopping", life.stopping_ns != 0);
    result.Set("endKnown", end_known);
    return result;
}

// start(handle, lifetimeNs, deadline): Promise<{ startedNs, deadlineNs, phases } | failure>
Value start(Info info) {
    Monitor *monitor = addon_of(info.Env()).monitor.get();
    auto container = monitor->find(to_u32(info[0]));
    auto start = std::make_shared<Start>(to_start(info[1], info[2]));
    start->asked_ns = boottime_ns();
    auto work = [monitor, container, start] {
        if (container) run_start(*monitor, *container, false, *start);
    };
    return Task::run(info.Env(), work, [start](Napi::Env env) -> Value { return from_start(env, *start); });
}

// setDeadline(handle, deadline): boolean
Value set_deadline(Info info) {
    bool set = addon_of(info.Env()).monitor->set_deadline(to_u32(info[0]), to_deadline(info[1].As<Napi::Object>()));
    return Napi::Boolean::New(info.Env(), set);
}

// Runs `act` on the container behind the first argument. Gives the errno, ESRCH where there is none.
Value with_container(Info info, const std::function<int(Container &)> &act) {
    auto container = addon_of(info.Env()).monitor->find(to_u32(info[0]));
    int error = container ? act(*container) : -ESRCH;
    return Napi::Number::New(info.Env(), -error);
}

// signal(handle, signal): the signal that was sent, or -errno
Value send_signal(Info info) {
    auto container = addon_of(info.Env()).monitor->find(to_u32(info[0]));
    int result = container ? send_with_default_action(*container, info[1].As<Napi::Number>().Int32Value()) : -ESRCH;
    return Napi::Number::New(info.Env(), result);
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
    auto container = addon_of(info.Env()).monitor->find(to_u32(info[0]));
    bool frozen = info[1].As<Napi::Boolean>().Value();
    int timeout_ms = info[2].As<Napi::Number>().Int32Value();
    auto error = std::make_shared<int>(-ESRCH);
    auto work = [container, frozen, timeout_ms, error] {
        if (!container) return;
        *error = container->group.write("cgroup.freeze", frozen ? "1" : "0");
        if (*error == 0) *error = container->group.wait_event("frozen", frozen, timeout_ms);
    };
    return Task::run(info.Env(), work, [error](Napi::Env env) -> Value { return Napi::Number::New(env, -*error); });
}

// sample(handles, rows)
Value sample(Info info) {
    Monitor &monitor = *addon_of(info.Env()).monitor;
    auto handles = info[0].As<Napi::Uint32Array>();
    auto rows = info[1].As<Napi::Float64Array>();
    size_t width = sample_columns().size();
    if (rows.ElementLength() < handles.ElementLength() * width) {
        Napi::RangeError::New(info.Env(), "rows is too small for the handles").ThrowAsJavaScriptException();
        return info.Env().Undefined();
    }
    for (size_t i = 0; i < handles.ElementLength(); i++) {
        auto container = monitor.find(handles[i]);
        double *row = rows.Data() + i * width;
        if (container)
            container->statistics.read(row);
        else
            std::fill(row, row + width, __builtin_nan(""));
    }
    return info.Env().Undefined();
}

// ioStat(handle): string
Value io_stat(Info info) {
    auto container = addon_of(info.Env()).monitor->find(to_u32(info[0]));
    return Napi::String::New(info.Env(), container ? container->statistics.io_stat() : "");
}

// openLog(handle, request): errno
Value open_log(Info info) {
    auto object = info[1].As<Napi::Object>();
    auto number = [&object](const char *name) {
        return static_cast<uint64_t>(object.Get(name).As<Napi::Number>().Int64Value());
    };
    LogRequest request;
    request.stdout_path = to_string(object.Get("stdout"));
    request.stderr_path = to_string(object.Get("stderr"));
    request.directory = to_string(object.Get("directory"));
    request.max_bytes = number("maxBytes");
    request.max_files = static_cast<uint32_t>(number("maxFiles"));
    request.bytes_per_second = number("bytesPerSecond");
    const Addon &addon = addon_of(info.Env());
    int error = addon.logs->open(to_u32(info[0]), request);
    if (auto container = addon.monitor->find(to_u32(info[0])))
        for (Fd &fifo : container->output) fifo.reset();
    return Napi::Number::New(info.Env(), -error);
}

// drainLog(handle): Promise<errno>
Value drain_log(Info info) {
    auto deferred = Napi::Promise::Deferred::New(info.Env());
    auto nothing = Napi::Function::New(info.Env(), [](Info) {});
    auto answer = Napi::ThreadSafeFunction::New(info.Env(), nothing, "niwa drain", 0, 1); // keeps the process alive
    addon_of(info.Env()).logs->drain(to_u32(info[0]), [answer, deferred](int error) {
        answer.NonBlockingCall([deferred, error](Napi::Env env, Napi::Function) {
            if (env != nullptr) deferred.Resolve(Napi::Number::New(env, -error));
        });
        answer.Release();
    });
    return deferred.Promise();
}

// watchLog(handle)
Value watch_log(Info info) {
    addon_of(info.Env()).logs->watch(to_u32(info[0]));
    return info.Env().Undefined();
}

// release(handle)
Value release(Info info) {
    Addon &addon = addon_of(info.Env());
    std::string id = addon.monitor->life_of(to_u32(info[0])).id;
    addon.monitor->release(to_u32(info[0]));
    addon.keeper.drop(id);
    return info.Env().Undefined();
}

// keeperConnect(path): Promise<ids | errno>
Value keeper_connect(Info info) {
    Addon &addon = addon_of(info.Env());
    std::string path = to_string(info[0]);
    auto error = std::make_shared<int>(0);
    auto work = [&addon, path, error] {
        *error = addon.keeper.connect(path);
        if (*error == 0) addon.monitor->note_all([&addon] { addon.keeper.wait_for_room(); });
    };
    return Task::run(info.Env(), work, [&addon, error](Napi::Env env) -> Value {
        if (*error < 0) return Napi::Number::New(env, -*error);
        auto ids = Napi::Array::New(env);
        for (const Life &life : addon.keeper.unclaimed()) ids.Set(ids.Length(), life.id);
        return ids;
    });
}

// keeperAlive(): boolean
Value keeper_alive(Info info) {
    return Napi::Boolean::New(info.Env(), addon_of(info.Env()).keeper.alive());
}

// keeperDrop(id)
Value keeper_drop(Info info) {
    addon_of(info.Env()).keeper.disclaim(to_string(info[0]));
    return info.Env().Undefined();
}

// holdDirectory(path): errno
Value hold_dir(Info info) {
    return Napi::Number::New(info.Env(), -hold_directory(to_string(info[0])));
}

// holdFile(path): errno
Value hold(Info info) {
    return Napi::Number::New(info.Env(), -hold_file(to_string(info[0])));
}

// admitGroup(path, gid): errno
Value admit(Info info) {
    return Napi::Number::New(info.Env(), -admit_group(to_string(info[0]), info[1].As<Napi::Number>().Uint32Value()));
}

// peer(fd): { pid, uid, groups } | errno
Value peer(Info info) {
    Peer credentials;
    int error = peer_of(info[0].As<Napi::Number>().Int32Value(), &credentials);
    if (error < 0) return Napi::Number::New(info.Env(), -error);
    Napi::Object result = Napi::Object::New(info.Env());
    auto groups = Napi::Array::New(info.Env(), credentials.groups.size());
    for (uint32_t i = 0; i < credentials.groups.size(); i++) groups.Set(i, credentials.groups[i]);
    result.Set("pid", credentials.pid);
    result.Set("uid", credentials.uid);
    result.Set("groups", groups);
    return result;
}

// hungUp(fd): boolean
Value hung_up(Info info) {
    return Napi::Boolean::New(info.Env(), is_hung_up(info[0].As<Napi::Number>().Int32Value()));
}

// notify(socket, text): errno
Value notify(Info info) {
    return Napi::Number::New(info.Env(), -notify_manager(to_string(info[0]), to_string(info[1])));
}

// canFilterDevices(): boolean
Value can_filter(Info info) {
    return Napi::Boolean::New(info.Env(), can_filter_devices());
}

SeccompRule to_seccomp_rule(const Napi::Object &object) {
    SeccompRule rule;
    rule.name = to_string(object.Get("name"));
    rule.action = to_u32(object.Get("action"));
    auto args = object.Get("args").As<Napi::Array>();
    for (uint32_t i = 0; i < args.Length(); i++) {
        auto arg = args.Get(i).As<Napi::Object>();
        rule.args.push_back(
            {to_u32(arg.Get("index")), to_string(arg.Get("op")), to_ns(arg.Get("value")), to_ns(arg.Get("valueTwo"))});
    }
    return rule;
}

// compileSeccomp(defaultAction, rules): Uint8Array | errno
Value compile_seccomp(Info info) {
    std::vector<SeccompRule> rules;
    auto array = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) rules.push_back(to_seccomp_rule(array.Get(i).As<Napi::Object>()));
    std::vector<uint8_t> program;
    int error = compile_seccomp_filter(to_u32(info[0]), rules, &program);
    if (error < 0) return Napi::Number::New(info.Env(), -error);
    auto bytes = Napi::Uint8Array::New(info.Env(), program.size());
    std::copy(program.begin(), program.end(), bytes.Data());
    return bytes;
}

// limitOpenFiles(pid, soft, hard): errno
Value limit_open_files(Info info) {
    struct rlimit limit = {to_u32(info[1]), to_u32(info[2])};
    int error = prlimit(static_cast<pid_t>(to_u32(info[0])), RLIMIT_NOFILE, &limit, nullptr) < 0 ? errno : 0;
    return Napi::Number::New(info.Env(), error);
}

// boottimeNs(): bigint
Value boottime(Info info) {
    return from_ns(info.Env(), boottime_ns());
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
    env.SetInstanceData(new Addon());
    // A heap for each worker thread would keep what its starts have freed: 5 KiB more for each container.
    mallopt(M_ARENA_MAX, 1);
    auto columns = Napi::Array::New(env);
    for (const std::string &name : sample_columns()) columns.Set(columns.Length(), name);
    exports.Set("columns", columns);
    const std::pair<const char *, Value (*)(Info)> functions[] = {
        {"loadHelper", load_helper},
        {"watch", watch},
        {"create", create},
        {"adopt", adopt},
        {"start", start},
        {"setDeadline", set_deadline},
        {"signal", send_signal},
        {"kill", kill_group},
        {"write", write_group},
        {"freeze", freeze},
        {"sample", sample},
        {"ioStat", io_stat},
        {"openLog", open_log},
        {"drainLog", drain_log},
        {"watchLog", watch_log},
        {"release", release},
        {"keeperConnect", keeper_connect},
        {"keeperAlive", keeper_alive},
        {"keeperDrop", keeper_drop},
        {"holdDirectory", hold_dir},
        {"holdFile", hold},
        {"admitGroup", admit},
        {"peer", peer},
        {"hungUp", hung_up},
        {"notify", notify},
        {"boottimeNs", boottime},
        {"limitOpenFiles", limit_open_files},
        {"canFilterDevices", can_filter},
        {"compileSeccomp", compile_seccomp},
    };
    register_exec(env, exports);
    for (const auto &[name, function] : functions) exports.Set(name, Napi::Function::New(env, function, name));
    register_filesystems(env, exports);
    register_connect(env, exports);
    register_unpack(env, exports);
    register_network(env, exports);
    return exports;
}

} // namespace

NODE_API_MODULE(niwa, initialize)
