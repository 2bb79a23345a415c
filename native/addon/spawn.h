// Makes a container (group, process, boot program) and starts it. Both calls block: they run on a worker thread.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../core/clone.h"
#include "../core/container.h"
#include "devices.h"
#include "log_file.h"

// What all starts of one spec have in common.
struct SpawnTemplate {
    std::vector<GroupWrite> writes;      // before the first process
    std::vector<GroupWrite> late_writes; // once the boot program waits: they would slow it down
    uint64_t namespaces = 0;             // CLONE_NEW* flags
    std::string pid_namespace;           // path of a PID namespace to join instead, or empty
    bool holds_mounts = false;           // whether the mount namespace is held over the exit
    std::string image;                   // path of a squashfs or erofs file to mount, or empty
    std::string reach;                   // path of niwa-reach, which mounts the image
    std::vector<DeviceRule> devices;     // all that the group may use
    bool filter_devices = false;
    bool input = false;           // whether the input is a pipe; otherwise it is /dev/null
    std::optional<LogBounds> log; // nothing where the output is not stored
};

struct SpawnRequest {
    std::shared_ptr<const SpawnTemplate> common;
    uint32_t handle = 0; // that its events will have
    std::string id;
    std::string cgroup;                                          // path of the group to make
    std::string uid_map, gid_map;                                // of a new user namespace, or empty
    uid_t owner = 0;                                             // the host's user that makes its user namespaces
    std::vector<std::pair<std::string, std::string>> mount_maps; // of the user namespaces that mounts have
    uid_t stdio_uid = 0; // the owner of the FIFOs: the workload may open /dev/stdout
    gid_t stdio_gid = 0;
    std::string stdout_path, stderr_path;                   // of the FIFOs to make for its output
    std::vector<std::pair<std::string, std::string>> files; // paths and texts of the files of its /etc to write
    std::string log_directory;                              // of its log, where the template has bounds of one
    int netns = -1;                                         // a network namespace that was made ahead, or -1
    std::shared_ptr<Container> network_of; // the container whose network namespace it shares, or nothing
    std::vector<uint8_t> program;
    bool starts = false; // whether it is also started
    Helper *helper = nullptr;

    // Whether the start is sent together with the program, so that the boot program does not wait.
    bool starts_at_once() const { return starts && common->late_writes.empty(); }
};

// Where and why making or starting a container failed. The addon has no exceptions: errors are values.
struct Failure {
    enum Phase { kNone, kGroup, kDevices, kUserns, kImage, kFiles, kClone, kBoot } phase = kNone;
    uint32_t step = 0; // within the phase
    int error = 0;     // errno
    int signal = 0;    // the signal that killed the helper, where it died without a report
    bool failed() const { return phase != kNone; }
};

// How long each part of making it took, in nanoseconds.
struct Phases {
    uint64_t group = 0, devices = 0, userns = 0, clone = 0, boot = 0;
};

struct Spawned {
    std::shared_ptr<Container> container;
    uint64_t start_ticks = 0; // when its first process began, see read_start_ticks()
    Failure failure;
    Phases phases;
};

// The user namespaces of a container: its own, where it has one, and those that map the ids of its mounts.
struct UserNamespaces {
    Fd own;
    std::vector<Fd> of_mounts;
};

// Makes the user namespaces that a request has maps of. Gives the failure; a step is the number of one of them.
Failure make_user_namespaces(const SpawnRequest &request, UserNamespaces *made);

// Makes a container, up to the wait of its boot program. On failure everything is undone.
Spawned create_container(const SpawnRequest &request);

// Sends the start to a created container. Gives whether it was sent.
bool send_start(const Container &container);

// Sends the start to a created container, unless `already_sent`, and waits until the workload is executed. On failure
// the helper has ended or is killed, and the monitor reports its exit.
Failure start_container(Container &container, bool already_sent);

// Kills and reaps a container that the monitor does not watch, and removes its group.
void undo_container(Container &container);
