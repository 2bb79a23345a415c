// Events for JavaScript: exits, deadlines that have passed, output.
#include "../../core/urgency.h"
#include "addon.h"
#include "face.h"

namespace {

Value from_row(Napi::Env env, const std::vector<double> &row) {
    auto array = Napi::Float64Array::New(env, row.size());
    std::copy(row.begin(), row.end(), array.Data());
    return array;
}

using Arguments = std::vector<napi_value>;

Arguments from_event(Napi::Env env, const Event &event) {
    Value handle = Napi::Number::New(env, event.handle);
    if (event.type != Event::kExit) return {Napi::String::New(env, "stopping"), handle};
    const Life &life = event.life;
    return {Napi::String::New(env, "exit"),
            handle,
            from_ns(env, life.exited_ns),
            Napi::Number::New(env, life.stopping_ns != 0 ? life.deadline.cause : 0),
            Napi::Boolean::New(env, life.status_known),
            Napi::Number::New(env, life.code),
            Napi::Number::New(env, life.signal),
            from_row(env, event.row),
            Napi::String::New(env, event.io_stat)};
}

Arguments from_event(Napi::Env env, const LogEvent &event) {
    Value handle = Napi::Number::New(env, event.handle);
    if (event.type == LogEvent::kOutput) return {Napi::String::New(env, "output"), handle};
    return {Napi::String::New(env, "log-error"), handle, Napi::Number::New(env, event.error)};
}

// Calls the listener on the JavaScript thread, and does not wait for that. May be called on any thread.
template <typename AnyEvent> void tell(const Napi::ThreadSafeFunction &listener, std::unique_ptr<AnyEvent> event) {
    auto call = [](Napi::Env env, Napi::Function function, AnyEvent *raw) {
        std::unique_ptr<AnyEvent> owned(raw);
        if (env != nullptr) function.Call(from_event(env, *owned));
    };
    AnyEvent *raw = event.release();
    if (listener.NonBlockingCall(raw, call) != napi_ok) delete raw;
}

// watch(listener): errno
Value watch(Info info) {
    Addon &addon = addon_of(info);
    addon.listener = Napi::ThreadSafeFunction::New(info.Env(), info[0].As<Napi::Function>(), "niwa events", 0, 1);
    addon.listener.Unref(info.Env()); // it does not keep Node.js alive: the socket of the API does
    addon.monitor = std::make_unique<Monitor>(
        [&addon, listener = addon.listener](std::unique_ptr<Event> event) {
            addon.mounts.close(event->handle, std::move(event->mounts));
            tell(listener, std::move(event));
        },
        [&addon](const Container &container) { addon.keeper.update(container); });
    addon.logs = std::make_unique<LogPump>(
        [listener = addon.listener](const LogEvent &event) { tell(listener, std::make_unique<LogEvent>(event)); });
    // All threads are made now: at the thread limit niwad then fails here, and not in the middle of a request.
    int error = addon.monitor->start();
    if (error == 0) error = addon.endings.start();
    if (error == 0) error = addon.logs->start();
    if (error == 0) error = addon.relay.start();
    if (error == 0) error = addon.execs.start();
    if (error == 0) error = addon.born_starts.start();
    if (error == 0) error = addon.netns.start();
    if (error == 0) error = addon.mounts.start();
    if (error == 0) error = addon.services.start();
    if (error == 0) error = addon.service_relay.start();
    if (error == 0) error = addon.tables.start();
    if (error == 0) error = addon.frames.start();
    if (error == 0) prefer_this_thread(); // each request and each end waits for it
    return from_result(info.Env(), error);
}

} // namespace

void export_events(Napi::Env env, Napi::Object exports) {
    export_all(env, exports, {{"watch", watch}});
}
