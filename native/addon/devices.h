// Which devices the processes of a group may open or make. A BPF program on the group enforces it (bpf(2)): cgroup v2
// has no file for this.
#pragma once
#include <string>
#include <tuple>
#include <vector>

// Allows or forbids kinds of access to a device; -1 stands for any number.
struct DeviceRule {
    char type; // 'b', 'c', or 'a' for both
    int major;
    int minor;
    int access; // BPF_DEVCG_ACC_* bits
    bool allows;
    bool operator<(const DeviceRule &other) const {
        return std::tie(type, major, minor, access, allows) <
               std::tie(other.type, other.major, other.minor, other.access, other.allows);
    }
};

// Lets the group whose directory is `cgroup` use only the devices that `rules` allow. Of the rules for a device, the
// last one decides on each kind of access. Gives 0 or a negative errno.
int filter_devices(int cgroup, const std::vector<DeviceRule> &rules);

// Whether this kernel lets us load such a program.
bool can_filter_devices();
