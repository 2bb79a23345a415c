// What the files of the addon's face share: the loaded addon, promises of work on a thread, and values in and out.
#pragma once
#include <functional>
#include <napi.h>

#include "../../core/monitor.h"
#include "../exec.h"
#include "../keeper_link.h"
#include "../log_pump.h"
#include "../netns_pool.h"
#include "../relay.h"
#include "../spawn.h"

using Value = Napi::Value;
using Info = const Napi::CallbackInfo &;

// What one loaded addon holds.
struct Addon {
    std::shared_ptr<Fd> helper = std::make_shared<Fd>();
    Napi::ThreadSafeFunction listener;
    KeeperLink keeper; // the monitor speaks to it until its own end
    std::unique_ptr<Monitor> monitor;
    std::unique_ptr<LogPump> logs;
    Relay relay;
    Execs execs;
    NetnsPool netns;
};

inline Addon &addon_of(Napi::Env env) {
    return *env.GetInstanceData<Addon>();
}

// A promise of what `work` does on a worker thread; `done` makes the value on the JavaScript thread.
class Task : public Napi::AsyncWorker {
  public:
    using Done = std::function<Value(Napi::Env)>;
    static Value run(Napi::Env env, std::function<void()> work, Done done) {
        auto *task = new Task(env, std::move(work), std::move(done));
        Value promise = task->promise_.Promise();
        task->Queue();
        return promise;
    }

  protected:
    void Execute() override { work_(); }
    void OnOK() override { promise_.Resolve(done_(Env())); }

  private:
    Task(Napi::Env env, std::function<void()> work, Done done)
        : AsyncWorker(env), promise_(Napi::Promise::Deferred::New(env)), work_(std::move(work)),
          done_(std::move(done)) {}
    Napi::Promise::Deferred promise_;
    std::function<void()> work_;
    Done done_;
};

inline Napi::Object from_failure(Napi::Env env, const Failure &failure) {
    static const char *const phases[] = {"none", "group", "devices", "userns", "image", "clone", "boot"};
    Napi::Object object = Napi::Object::New(env);
    object.Set("phase", phases[failure.phase]);
    object.Set("step", failure.step);
    object.Set("errno", failure.error);
    object.Set("signal", failure.signal);
    return object;
}
// The calls of src/native.ts that live in files of their own, each by its topic.
void register_network(Napi::Env env, Napi::Object exports);

inline Value from_ns(Napi::Env env, uint64_t ns) {
    return Napi::BigInt::New(env, ns);
}
inline uint64_t to_ns(const Value &value) {
    bool lossless;
    return value.As<Napi::BigInt>().Uint64Value(&lossless);
}
inline uint32_t to_u32(const Value &value) {
    return value.As<Napi::Number>().Uint32Value();
}
inline std::string to_string(const Value &value) {
    return value.As<Napi::String>().Utf8Value();
}

// What the other files of the face add to the exports.
void register_unpack(Napi::Env env, Napi::Object exports);
