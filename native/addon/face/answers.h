// The way of all answers from the threads of the addon to the JavaScript thread.
#pragma once
#include <functional>
#include <mutex>
#include <napi.h>
#include <vector>

class Answers {
  public:
    using Callback = std::function<void(Napi::Env)>;

    // An answer will come; Node.js stays alive until then unless it `may_end`. On the JavaScript thread.
    void expect(Napi::Env env, bool may_end) {
        if (static_cast<napi_threadsafe_function>(function_) == nullptr) {
            auto nothing = Napi::Function::New(env, [](const Napi::CallbackInfo &) {});
            function_ = Napi::ThreadSafeFunction::New(env, nothing, "niwa answers", 0, 1);
            function_.Unref(env);
        }
        if (!may_end && awaited_++ == 0) function_.Ref(env);
    }

    // An answer has come. On the JavaScript thread.
    void arrived(Napi::Env env, bool may_end) {
        if (!may_end && --awaited_ == 0) function_.Unref(env);
    }

    // Calls back on the JavaScript thread, and does not wait for that. On any thread, after expect(). What waits
    // already is called in one go: whoever awaits an answer runs when all are told.
    void call(Callback callback) {
        std::lock_guard<std::mutex> lock(mutex_);
        waiting_.push_back(std::move(callback));
        if (waiting_.size() > 1) return; // the call that takes them is on its way
        function_.NonBlockingCall([this](Napi::Env env, Napi::Function) {
            if (env != nullptr) tell(env);
        });
    }

  private:
    void tell(Napi::Env env) {
        std::vector<Callback> taken;
        {
            std::lock_guard<std::mutex> lock(mutex_);
            taken.swap(waiting_);
        }
        for (const Callback &callback : taken) {
            Napi::HandleScope scope(env);
            callback(env);
        }
    }

    Napi::ThreadSafeFunction function_;
    size_t awaited_ = 0; // used on the JavaScript thread
    std::mutex mutex_;   // guards all below
    std::vector<Callback> waiting_;
};
