// Makes a container (group, process, boot program) and starts it. Both calls block: they run on a worker thread.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "../core/container.h"
#include "devices.h"

struct SpawnRequest {
    std::string id;
    std::string cgroup;                  // path of the group to make
    std::vector<GroupWrite> writes;      // before its first process
    std::vector<GroupWrite> late_writes; // when the boot program has come to its wait: they would slow it down
    uint32_t handle = 0;                 // which its events will name
    uint64_t namespaces = 0;             // CLONE_NEW* flags
    std::string uid_map, gid_map;        // of a new user namespace, or empty
    uid_t owner = 0;                     // the host's user that makes its user namespaces
    std::vector<std::pair<std::string, std::string>> mount_maps; // of the user namespaces that mounts have
    std::string image;                                           // path of a squashfs or erofs file to mount, or empty
    std::string reach;                                           // path of niwa-reach, which mounts the image
    std::vector<DeviceRule> devices;                             // all that the group may use
    bool filter_devices = false;
    std::string stdout_path, stderr_path; // of the FIFOs to make for its output
    uid_t stdio_uid = 0;                  // their owner: a workload may open /dev/stdout anew
    gid_t stdio_gid = 0;
    int netns = -1;                        // a fresh network namespace that was made ahead, if there is one
    std::string pid_namespace;             // path of a PID namespace to join instead, or empty
    std::shared_ptr<Container> network_of; // whose network namespace to be born in, or nothing
    std::vector<uint8_t> program;
    bool starts = false; // it is to be started, too
    int helper = -1;

    // Whether the word to start goes with the program: the helper does not wait for it.
    bool tells() const { return starts && late_writes.empty(); }
};

// Where and why it failed. Errors are values here: there are no exceptions in the addon.
struct Failure {
    enum Phase { kNone, kGroup, kDevices, kUserns, kImage, kClone, kBoot } phase = kNone;
    uint32_t step = 0; // within the phase
    int error = 0;     // errno
    int signal = 0;    // what killed the helper, where it died without a word
    bool failed() const { return phase != kNone; }
};

// How long each part of making it took, in nanoseconds.
struct Phases {
    uint64_t group = 0, devices = 0, userns = 0, clone = 0, boot = 0;
};

struct Spawned {
    std::shared_ptr<Container> container;
    Failure failure;
    Phases phases;
};

// Runs everything up to the boot program's wait. On failure nothing of it is left.
Spawned create_container(const SpawnRequest &request);

// Lets a created container go on, unless it was told with its program, and waits until the workload is executed. On
// failure the helper has ended by itself or is killed; the monitor tells its exit.
Failure start_container(Container &container, bool told);

// Kills and reaps a container that no monitor watches, and removes its group.
void undo_container(Container &container);
