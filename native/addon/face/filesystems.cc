#include "filesystems.h"

#include "../../core/idmap.h"
#include "../../core/quota.h"
#include "face.h"

namespace {

// canIdmap(path): boolean
Value idmappable(Info info) {
    return Napi::Boolean::New(info.Env(), can_idmap(to_string(info[0])));
}

// limitDirectory(directory, bytes): errno
Value limit(Info info) {
    auto bytes = static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value());
    return Napi::Number::New(info.Env(), -limit_directory(to_string(info[0]), bytes));
}

} // namespace

void register_filesystems(Napi::Env env, Napi::Object exports) {
    exports.Set("canIdmap", Napi::Function::New(env, idmappable, "canIdmap"));
    exports.Set("limitDirectory", Napi::Function::New(env, limit, "limitDirectory"));
}
