// The way of all answers from the threads of the addon to the JavaScript thread.
#pragma once
#include <napi.h>

class Answers {
  public:
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

    // Calls back on the JavaScript thread, and does not wait for that. On any thread, after expect().
    template <typename Callback> void call(Callback callback) const { function_.NonBlockingCall(std::move(callback)); }

  private:
    Napi::ThreadSafeFunction function_;
    size_t awaited_ = 0; // used on the JavaScript thread
};
