// Further processes in containers.
#include <cerrno>
#include <csignal>

#include "../exec.h"
#include "addon.h"
#include "face.h"
#include "promises.h"

namespace {

// Makes two pipes between JavaScript and the terminal of an exec: the relay copies between them and the master side.
int connect_terminal(Relay &relay, Executed *executed, uint64_t *name) {
    Fd reading, writing, input, output;
    int error = make_pipe(&reading, &writing, 3);
    if (error == 0) error = make_pipe(&input, &output, 3);
    if (error < 0) return error;
    Fd from = copy_of(executed->terminal), to = copy_of(executed->terminal);
    if (!from.valid() || !to.valid()) return -errno;
    relay.add(std::move(from), std::move(writing));
    *name = relay.add(std::move(input), std::move(to));
    executed->streams[0] = std::move(output);
    executed->streams[1] = std::move(reading);
    executed->streams[2].reset();
    return 0;
}

ExecRequest to_request(const Napi::Object &object, std::shared_ptr<Container> container, Helper *helper) {
    ExecRequest request;
    request.container = std::move(container);
    request.input = to_bool(object.Get("input"));
    request.output = to_bool(object.Get("output"));
    request.image = to_string(object.Get("image"));
    request.uid = to_u32(object.Get("uid"));
    request.gid = to_u32(object.Get("gid"));
    request.helper = helper;
    request.program = to_bytes(object.Get("program"));
    return request;
}

// exec(handle, request): Promise<{ exec, pid, stdin, stdout, stderr } | failure>
Value exec(Info info) {
    Addon &addon = addon_of(info);
    auto helper = addon.helper;
    auto container = addon.monitor->find(to_u32(info[0]));
    auto request = std::make_shared<ExecRequest>(to_request(info[1].As<Napi::Object>(), container, helper.get()));
    auto executed = std::make_shared<Executed>();
    auto handle = std::make_shared<uint32_t>(0);
    auto work = [helper, request, executed, handle, &relay = addon.relay, &execs = addon.execs] {
        if (!request->container || !request->container->pidfd.valid()) {
            executed->failure = {Failure::kClone, 0, ESRCH, 0};
            return;
        }
        *executed = exec_in_container(*request);
        if (executed->failure.failed()) return;
        uint64_t name = 0;
        int error = executed->terminal.valid() ? connect_terminal(relay, executed.get(), &name) : 0;
        *handle = execs.add(std::move(executed->pidfd), std::move(executed->terminal), name);
        if (error == 0) return;
        executed->failure = {Failure::kClone, 0, -error, 0};
        execs.signal(*handle, SIGKILL);
        execs.await(*handle, [](ExecEnd) {});
    };
    return Task::run(info.Env(), work, [executed, handle](Napi::Env env) -> Value {
        if (executed->failure.failed()) return from_failure(env, executed->failure);
        Napi::Object result = Napi::Object::New(env);
        result.Set("exec", *handle);
        result.Set("pid", executed->pid);
        const char *const names[] = {"stdin", "stdout", "stderr"};
        for (int i = 0; i < 3; i++) result.Set(names[i], executed->streams[i].release());
        return result;
    });
}

Value from_exec_end(Napi::Env env, const ExecEnd &end) {
    Napi::Object result = Napi::Object::New(env);
    result.Set("code", end.code);
    result.Set("signal", end.signal);
    return result;
}

// execEnded(exec): Promise<{ code, signal }>
Value exec_ended(Info info) {
    const bool may_end = true; // niwad does not wait for execs when it stops
    Answer<ExecEnd> answer(info.Env(), from_exec_end, may_end);
    addon_of(info).execs.await(to_u32(info[0]), answer);
    return answer.promise();
}

// execSignal(exec, signal): errno
Value exec_signal(Info info) {
    int error = addon_of(info).execs.signal(to_u32(info[0]), to_int(info[1]));
    return from_result(info.Env(), error);
}

// execResize(exec, rows, columns): errno
Value exec_resize(Info info) {
    int error = addon_of(info).execs.resize(to_u32(info[0]), to_u16(info[1]), to_u16(info[2]));
    return from_result(info.Env(), error);
}

// execHangUp(exec)
Value exec_hang_up(Info info) {
    Addon &addon = addon_of(info);
    uint64_t input = addon.execs.hang_up(to_u32(info[0]));
    if (input != 0) addon.relay.drop(input); // the relay has a copy of the terminal open
    return info.Env().Undefined();
}

} // namespace

void export_execs(Napi::Env env, Napi::Object exports) {
    export_all(env, exports,
               {{"exec", exec},
                {"execEnded", exec_ended},
                {"execSignal", exec_signal},
                {"execResize", exec_resize},
                {"execHangUp", exec_hang_up}});
}
