// What JavaScript hears without having asked: exits, deadlines that have passed, output.
#include "addon.h"
#include "face.h"

namespace {

Value from_row(Napi::Env env, const std::vector<double> &row) {
    auto array = Napi::Float64Array::New(env, row.size());
    std::copy(row.begin(), row.end(), array.Data());
    return array;
}

Value from_news(Napi::Env env, const Event &event) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("type", event.type == Event::kExit ? "exit" : "stopping");
    object.Set("handle", event.handle);
    if (event.type != Event::kExit) return object;
    const Life &life = event.life;
    object.Set("atNs", from_ns(env, life.exited_ns));
    object.Set("cause", life.stopping_ns != 0 ? life.deadline.cause : 0);
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

// Calls the listener on the JavaScript thread, and does not wait for that. May be called on any thread.
template <typename News> void tell(const Napi::ThreadSafeFunction &listener, std::unique_ptr<News> news) {
    auto call = [](Napi::Env env, Napi::Function function, News *told) {
        std::unique_ptr<News> owned(told);
        if (env != nullptr) function.Call({from_news(env, *owned)});
    };
    News *told = news.release();
    if (listener.NonBlockingCall(told, call) != napi_ok) delete told;
}

// watch(listener): errno
Value watch(Info info) {
    Addon &addon = addon_of(info);
    addon.listener = Napi::ThreadSafeFunction::New(info.Env(), info[0].As<Napi::Function>(), "niwa events", 0, 1);
    addon.listener.Unref(info.Env()); // it does not keep Node.js alive: the socket of the API does
    addon.monitor = std::make_unique<Monitor>(
        [listener = addon.listener](std::unique_ptr<Event> event) { tell(listener, std::move(event)); },
        [&addon](const Container &container) { addon.keeper.update(container); });
    addon.logs = std::make_unique<LogPump>(
        [listener = addon.listener](const LogNews &news) { tell(listener, std::make_unique<LogNews>(news)); });
    // All threads are made now: at the thread limit niwad then fails here, and not in the middle of a request.
    int error = addon.monitor->start();
    if (error == 0) error = addon.logs->start();
    if (error == 0) error = addon.relay.start();
    if (error == 0) error = addon.execs.start();
    if (error == 0) error = addon.netns.start();
    return from_result(info.Env(), error);
}

} // namespace

void export_events(Napi::Env env, Napi::Object exports) {
    export_all(env, exports,
               {
                   {"watch", watch},
               });
}
