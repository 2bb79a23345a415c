// What runs when Node.js loads the addon.
#include <malloc.h>

#include "../program_image.h"
#include "addon.h"
#include "face.h"

namespace {

// loadHelper(path): errno
Value load_helper(Info info) {
    auto helper = std::make_shared<Helper>();
    int error = load_program(to_string(info[0]).c_str(), &helper->program);
    if (error == 0) error = helper->low.reserve(kFirstLowDescriptor);
    if (error == 0) addon_of(info).helper = helper;
    return from_result(info.Env(), error);
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
    env.SetInstanceData(new Addon());
    // A heap for each worker thread would keep what its starts have freed: 5 KiB more for each container.
    mallopt(M_ARENA_MAX, 1);
    export_all(env, exports, {{"loadHelper", load_helper}});
    export_events(env, exports);
    export_containers(env, exports);
    export_groups(env, exports);
    export_births(env, exports);
    export_readings(env, exports);
    export_records(env, exports);
    export_execs(env, exports);
    export_terminals(env, exports);
    export_logs(env, exports);
    export_network(env, exports);
    export_services(env, exports);
    export_service_relay(env, exports);
    export_images(env, exports);
    export_keeper(env, exports);
    export_sockets(env, exports);
    export_host(env, exports);
    return exports;
}

} // namespace

NODE_API_MODULE(niwa, initialize)
