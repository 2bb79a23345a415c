// The state of one loaded addon.
#pragma once
#include <map>
#include <memory>
#include <napi.h>

#include "../../core/clone.h"
#include "../../core/monitor.h"
#include "../adopt.h"
#include "../born_starts.h"
#include "../endings.h"
#include "../exec.h"
#include "../frame_server.h"
#include "../keeper_link.h"
#include "../log_pump.h"
#include "../mount_closer.h"
#include "../netns_pool.h"
#include "../relay.h"
#include "../service_queue.h"
#include "../service_relay.h"
#include "../table_watch.h"
#include "answers.h"
#include "values.h"

struct Addon {
    Addon() = default;
    Addon(const Addon &) = delete;
    Addon &operator=(const Addon &) = delete;
    ~Addon() { mounts.stop(); } // its threads use the endings

    std::shared_ptr<Helper> helper = std::make_shared<Helper>();
    Napi::ThreadSafeFunction listener, queue_listener, relay_listener, frame_listener;
    Answers answers;
    MountCloser mounts; // before the monitor, too
    KeeperLink keeper;  // before the monitor, which uses it until its own end
    std::unique_ptr<Monitor> monitor;
    Endings endings{[this](const Container &container) { // before the log pump, which tells it what is stored
        std::string id = monitor->life_of(container.handle).id;
        monitor->release(container.handle);
        keeper.forget(id);
    }};
    std::unique_ptr<LogPump> logs;
    Relay relay;
    Execs execs;
    BornStarts born_starts;
    NetnsPool netns;
    ServiceQueue services;
    ServiceRelay service_relay;
    TableWatch tables;
    FrameServer frames;
    std::map<uint32_t, Adoption> adoptions;                // by their handles: what is prepared, and not adopted
    std::map<uint32_t, std::shared_ptr<Container>> unborn; // by their handles: groups that wait for their first process
};

// The listener that a thread of the addon has had so far. It is released when the thread has the next one, not before.
inline void release_listener(Napi::ThreadSafeFunction listener) {
    if (static_cast<napi_threadsafe_function>(listener) != nullptr) listener.Release();
}

inline Addon &addon_of(Napi::Env env) {
    return *env.GetInstanceData<Addon>();
}
inline Addon &addon_of(Info info) {
    return addon_of(info.Env());
}

// The container whose handle is the first argument, or nothing.
inline std::shared_ptr<Container> container_of(Info info) {
    return addon_of(info).monitor->find(to_u32(info[0]));
}
