#include "values.h"

Napi::Object from_failure(Napi::Env env, const Failure &failure) {
    static const char *const phases[] = {"none", "group", "devices", "userns", "image", "files", "clone", "boot"};
    Napi::Object object = Napi::Object::New(env);
    object.Set("phase", phases[failure.phase]);
    object.Set("step", failure.step);
    object.Set("errno", failure.error);
    object.Set("signal", failure.signal);
    return object;
}
