#include "face_filesystems.h"

#include "face.h"
#include "idmap.h"

namespace {

// canIdmap(path): boolean
Value idmappable(Info info) {
    return Napi::Boolean::New(info.Env(), can_idmap(to_string(info[0])));
}

} // namespace

void register_filesystems(Napi::Env env, Napi::Object exports) {
    exports.Set("canIdmap", Napi::Function::New(env, idmappable, "canIdmap"));
}
