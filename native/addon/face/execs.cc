// Execs and terminals, towards JavaScript. src/native-exec.ts documents every call.
#include "execs.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "../exec.h"
#include "face.h"

namespace {

// With a terminal both pipes lead to its master side instead, by the relay: JavaScript has pipes in either case.
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

ExecRequest to_request(const Napi::Object &object, std::shared_ptr<Container> container, int helper) {
    ExecRequest request;
    request.container = std::move(container);
    request.input = object.Get("input").As<Napi::Boolean>().Value();
    request.uid = to_u32(object.Get("uid"));
    request.gid = to_u32(object.Get("gid"));
    request.helper = helper;
    auto program = object.Get("program").As<Napi::Uint8Array>();
    request.program.assign(program.Data(), program.Data() + program.ByteLength());
    return request;
}

// exec(handle, request): Promise<{ exec, pid, stdin, stdout, stderr } | failure>
Value exec(Info info) {
    Addon &addon = addon_of(info.Env());
    auto helper = addon.helper;
    auto container = addon.monitor->find(to_u32(info[0]));
    auto request = std::make_shared<ExecRequest>(to_request(info[1].As<Napi::Object>(), container, helper->get()));
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

// execEnded(exec): Promise<{ code, signal }>
Value exec_ended(Info info) {
    auto deferred = Napi::Promise::Deferred::New(info.Env());
    auto nothing = Napi::Function::New(info.Env(), [](Info) {});
    auto answer = Napi::ThreadSafeFunction::New(info.Env(), nothing, "niwa exec", 0, 1);
    answer.Unref(info.Env()); // niwad may end before it
    addon_of(info.Env()).execs.await(to_u32(info[0]), [answer, deferred](ExecEnd end) {
        answer.NonBlockingCall([deferred, end](Napi::Env env, Napi::Function) {
            if (env == nullptr) return;
            Napi::Object result = Napi::Object::New(env);
            result.Set("code", end.code);
            result.Set("signal", end.signal);
            deferred.Resolve(result);
        });
        answer.Release();
    });
    return deferred.Promise();
}

unsigned short to_u16(const Value &value) {
    return static_cast<unsigned short>(to_u32(value));
}

// execSignal(exec, signal): errno
Value exec_signal(Info info) {
    int error = addon_of(info.Env()).execs.signal(to_u32(info[0]), info[1].As<Napi::Number>().Int32Value());
    return Napi::Number::New(info.Env(), -error);
}

// execResize(exec, rows, columns): errno
Value exec_resize(Info info) {
    int error = addon_of(info.Env()).execs.resize(to_u32(info[0]), to_u16(info[1]), to_u16(info[2]));
    return Napi::Number::New(info.Env(), -error);
}

// execHangUp(exec)
Value exec_hang_up(Info info) {
    Addon &addon = addon_of(info.Env());
    uint64_t input = addon.execs.hang_up(to_u32(info[0]));
    if (input != 0) addon.relay.drop(input); // what nobody reads would hold the terminal
    return info.Env().Undefined();
}

std::shared_ptr<Container> container_of(Info info) {
    return addon_of(info.Env()).monitor->find(to_u32(info[0]));
}

// openTerminal(handle, fifo): copy | -errno. The terminal is held open from its other side too: that the workload
// closes it for a while is not its end.
Value open_terminal(Info info) {
    auto container = container_of(info);
    if (!container || !container->terminal.valid()) return Napi::Number::New(info.Env(), -ENOTTY);
    int flags = fcntl(container->terminal.get(), F_GETFL);
    Fd fifo(open(to_string(info[1]).c_str(), O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    Fd from = copy_of(container->terminal);
    Fd other(ioctl(container->terminal.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    bool opened = flags >= 0 && fcntl(container->terminal.get(), F_SETFL, flags | O_NONBLOCK) == 0 && fifo.valid() &&
                  from.valid();
    if (!opened) return Napi::Number::New(info.Env(), -errno);
    uint64_t name = addon_of(info.Env()).relay.add(std::move(from), std::move(fifo), std::move(other));
    return Napi::Number::New(info.Env(), static_cast<double>(name));
}

// finishTerminal(copy): Promise<undefined>
Value finish_terminal(Info info) {
    auto deferred = Napi::Promise::Deferred::New(info.Env());
    auto nothing = Napi::Function::New(info.Env(), [](Info) {});
    auto answer = Napi::ThreadSafeFunction::New(info.Env(), nothing, "niwa terminal", 0, 1);
    auto name = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
    addon_of(info.Env()).relay.finish(name, [answer, deferred] {
        answer.NonBlockingCall([deferred](Napi::Env env, Napi::Function) {
            if (env != nullptr) deferred.Resolve(env.Undefined());
        });
        answer.Release();
    });
    return deferred.Promise();
}

// terminalInput(handle): fd | -errno
Value terminal_input(Info info) {
    auto container = container_of(info);
    if (!container || !container->terminal.valid()) return Napi::Number::New(info.Env(), -ENOTTY);
    Fd reading, writing, to = copy_of(container->terminal);
    int error = to.valid() ? make_pipe(&reading, &writing, 3) : -errno;
    if (error < 0) return Napi::Number::New(info.Env(), error);
    addon_of(info.Env()).relay.add(std::move(reading), std::move(to));
    return Napi::Number::New(info.Env(), writing.release());
}

// resizeTerminal(handle, rows, columns): errno
Value resize_terminal(Info info) {
    auto container = container_of(info);
    int error = container ? set_terminal_size(container->terminal, to_u16(info[1]), to_u16(info[2])) : -ESRCH;
    return Napi::Number::New(info.Env(), -error);
}

} // namespace

void register_exec(Napi::Env env, Napi::Object exports) {
    const std::pair<const char *, Value (*)(Info)> functions[] = {
        {"exec", exec},
        {"execEnded", exec_ended},
        {"execSignal", exec_signal},
        {"execResize", exec_resize},
        {"execHangUp", exec_hang_up},
        {"openTerminal", open_terminal},
        {"finishTerminal", finish_terminal},
        {"terminalInput", terminal_input},
        {"resizeTerminal", resize_terminal},
    };
    for (const auto &[name, function] : functions) exports.Set(name, Napi::Function::New(env, function, name));
}
