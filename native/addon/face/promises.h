// Promises that are kept on other threads.
#pragma once
#include <functional>
#include <napi.h>

#include "addon.h"

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
// value on the JavaScript thread. All answers go through one thread-safe function: to make and to close one takes
// longer than the answer.
template <typename Result> class Answer {
  public:
    using ToValue = Value (*)(Napi::Env, const Result &);

    // Node.js stays alive until the answer has come, unless it `may_end` before.
    Answer(Napi::Env env, ToValue to_value, bool may_end = false)
        : deferred_(Napi::Promise::Deferred::New(env)), to_value_(to_value), answers_(&addon_of(env).answers),
          may_end_(may_end) {
        answers_->expect(env, may_end_);
    }

    Value promise() const { return deferred_.Promise(); }

    void operator()(const Result &result) const {
        answers_->call([deferred = deferred_, to_value = to_value_, answers = answers_, may_end = may_end_,
                        result](Napi::Env env) {
            answers->arrived(env, may_end);
            deferred.Resolve(to_value(env, result));
        });
    }

  private:
    Napi::Promise::Deferred deferred_;
    ToValue to_value_;
    Answers *answers_;
    bool may_end_;
};
