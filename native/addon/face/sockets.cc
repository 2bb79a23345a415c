// Unix sockets: niwad's own, its clients, the service manager.
#include "../listen.h"
#include "../notify.h"
#include "../peer.h"
#include "face.h"

namespace {

// listenAt(path, backlog): fd | -errno
Value listen_on(Info info) {
    return from_number(info.Env(), listen_at(to_string(info[0]), to_int(info[1])));
}

// peer(fd): { pid, uid, groups } | errno
Value peer(Info info) {
    Peer credentials;
    int error = peer_of(to_int(info[0]), &credentials);
    if (error < 0) return from_result(info.Env(), error);
    Napi::Object result = Napi::Object::New(info.Env());
    auto groups = Napi::Array::New(info.Env(), credentials.groups.size());
    for (uint32_t i = 0; i < credentials.groups.size(); i++) groups.Set(i, credentials.groups[i]);
    result.Set("pid", credentials.pid);
    result.Set("uid", credentials.uid);
    result.Set("groups", groups);
    return result;
}

// hungUp(fd): boolean
Value hung_up(Info info) {
    return from_bool(info.Env(), is_hung_up(to_int(info[0])));
}

// notify(socket, text): errno
Value notify(Info info) {
    return from_result(info.Env(), notify_manager(to_string(info[0]), to_string(info[1])));
}

} // namespace

void export_sockets(Napi::Env env, Napi::Object exports) {
    export_all(env, exports, {{"listenAt", listen_on}, {"peer", peer}, {"hungUp", hung_up}, {"notify", notify}});
}
