// What niwad asks and changes on the host beside containers.
#include <cerrno>
#include <fcntl.h>
#include <sys/resource.h>

#include "../../core/clock.h"
#include "../../core/group.h"
#include "../../core/idmap.h"
#include "../devices.h"
#include "../listen.h"
#include "../lock.h"
#include "../plain_path.h"
#include "../seccomp.h"
#include "face.h"

namespace {

// boottimeNs(): bigint
Value boottime(Info info) {
    return from_ns(info.Env(), boottime_ns());
}

// holdDirectory(path): errno
Value hold_dir(Info info) {
    return from_result(info.Env(), hold_directory(to_string(info[0])));
}

// holdFile(path): errno
Value hold(Info info) {
    return from_result(info.Env(), hold_file(to_string(info[0])));
}

// admitGroup(path, gid): errno
Value admit(Info info) {
    return from_result(info.Env(), admit_group(to_string(info[0]), to_u32(info[1])));
}

// canIdmap(path): boolean
Value idmappable(Info info) {
    Fd file(open(to_string(info[0]).c_str(), O_PATH | O_CLOEXEC));
    return from_bool(info.Env(), can_idmap(file) != CanIdmap::no);
}

// plainMount(path): number, -1 where the path is not known to be plain
Value plain_mount(Info info) {
    std::optional<Place> found = look_at_path(to_string(info[0]));
    return from_number(info.Env(), found ? static_cast<double>(found->mount) : -1);
}

// plainIdentity(path): string, "" where the path is not known to be plain
Value plain_identity(Info info) {
    std::optional<Place> found = look_at_path(to_string(info[0]));
    if (!found || found->inode == 0) return Napi::String::New(info.Env(), "");
    return Napi::String::New(info.Env(), std::to_string(found->device) + " " + std::to_string(found->inode));
}

// limitOpenFiles(pid, soft, hard): errno
Value limit_open_files(Info info) {
    struct rlimit limit = {to_u32(info[1]), to_u32(info[2])};
    int error = prlimit(static_cast<pid_t>(to_u32(info[0])), RLIMIT_NOFILE, &limit, nullptr) < 0 ? errno : 0;
    return from_number(info.Env(), error);
}

// canFilterDevices(): boolean
Value can_filter(Info info) {
    return from_bool(info.Env(), can_filter_devices());
}

// groupOwner(path): string
Value owner_of_group(Info info) {
    return Napi::String::New(info.Env(), group_owner(to_string(info[0])));
}

SeccompRule to_seccomp_rule(const Napi::Object &object) {
    SeccompRule rule;
    rule.name = to_string(object.Get("name"));
    rule.action = to_u32(object.Get("action"));
    auto args = object.Get("args").As<Napi::Array>();
    for (uint32_t i = 0; i < args.Length(); i++) {
        auto arg = args.Get(i).As<Napi::Object>();
        rule.args.push_back(
            {to_u32(arg.Get("index")), to_string(arg.Get("op")), to_ns(arg.Get("value")), to_ns(arg.Get("valueTwo"))});
    }
    return rule;
}

// knowsCall(name): boolean
Value known_call(Info info) {
    return from_bool(info.Env(), knows_call(to_string(info[0])));
}

// compileSeccomp(defaultAction, rules, narrow): Uint8Array | errno
Value compile_seccomp(Info info) {
    std::vector<SeccompRule> rules;
    auto array = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) rules.push_back(to_seccomp_rule(array.Get(i).As<Napi::Object>()));
    std::vector<uint8_t> program;
    int error = compile_seccomp_filter(to_u32(info[0]), rules, info[2].ToBoolean(), &program);
    if (error < 0) return from_result(info.Env(), error);
    auto bytes = Napi::Uint8Array::New(info.Env(), program.size());
    std::copy(program.begin(), program.end(), bytes.Data());
    return bytes;
}

} // namespace

void export_host(Napi::Env env, Napi::Object exports) {
    export_all(env, exports,
               {{"boottimeNs", boottime},
                {"holdDirectory", hold_dir},
                {"holdFile", hold},
                {"admitGroup", admit},
                {"canIdmap", idmappable},
                {"plainMount", plain_mount},
                {"plainIdentity", plain_identity},
                {"limitOpenFiles", limit_open_files},
                {"canFilterDevices", can_filter},
                {"groupOwner", owner_of_group},
                {"knowsCall", known_call},
                {"compileSeccomp", compile_seccomp}});
}
