// Promises that are kept on other threads.
#pragma once
#include <functional>
#include <napi.h>

#include "values.h"

// A promise of the result of `work`, which runs on a worker thread; `done` makes the value on the JavaScript thread.
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

// A promise that a thread of the addon answers: it calls the answer once, with a result of which `to_value` makes the
// value on the JavaScript thread.
template <typename Result> class Answer {
  public:
    using ToValue = Value (*)(Napi::Env, const Result &);

    // Node.js stays alive until the answer has come, unless it `may_end` before.
    Answer(Napi::Env env, ToValue to_value, bool may_end = false)
        : deferred_(Napi::Promise::Deferred::New(env)), to_value_(to_value) {
        auto nothing = Napi::Function::New(env, [](Info) {});
        function_ = Napi::ThreadSafeFunction::New(env, nothing, "niwa answer", 0, 1);
        if (may_end) function_.Unref(env);
    }

    Value promise() const { return deferred_.Promise(); }

    void operator()(const Result &result) {
        function_.NonBlockingCall([deferred = deferred_, to_value = to_value_, result](Napi::Env env, Napi::Function) {
            if (env != nullptr) deferred.Resolve(to_value(env, result));
        });
        function_.Release();
    }

  private:
    Napi::Promise::Deferred deferred_;
    Napi::ThreadSafeFunction function_;
    ToValue to_value_;
};
