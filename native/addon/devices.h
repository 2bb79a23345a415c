// Which devices the processes of a group may open or make. A BPF program on the group enforces it (bpf(2)): cgroup v2
// has no file for this.
#pragma once
#include <string>
#include <tuple>
#include <vector>

// A device that may be read, written and made; -1 stands for any number.
struct DeviceRule {
    bool block;
    int major;
    int minor;
    bool operator<(const DeviceRule &other) const {
        return std::tie(block, major, minor) < std::tie(other.block, other.major, other.minor);
    }
};

// Lets the group whose directory is `cgroup` use only the devices of `rules`. Gives 0 or a negative errno.
int filter_devices(int cgroup, const std::vector<DeviceRule> &rules);

// Whether this kernel lets us load such a program.
bool can_filter_devices();
