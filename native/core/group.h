// One container's cgroup: made, limited, frozen, killed.
#pragma once
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "fd.h"

// A value for one of the group's files, such as {"cpu.max", "50000 100000"}.
using GroupWrite = std::pair<std::string, std::string>;

class Group {
  public:
    // Makes the directory, marks it as that of the container `owner` (see group_owner(); "" for no mark), and writes
    // the values in their order. Gives 0, or a negative errno with `step` 0 for the directory and i + 1 for the write
    // i; what was made is removed again.
    int create(const std::string &path, const std::string &owner, const std::vector<GroupWrite> &writes,
               uint32_t *step);

    // Opens an existing group. Gives 0 or a negative errno.
    int open(const std::string &path);

    // Becomes the owner of the descriptor of a group's directory.
    void adopt(Fd dir) { dir_ = std::move(dir); }

    int dir() const { return dir_.get(); }

    // Writes one file of the group. Gives 0 or a negative errno.
    int write(const char *file, const char *value) const;

    // Gives the group to a user of the host, who may divide it then, and change none of its limits. The kernel names
    // the files, see "Delegation" in its document cgroup-v2. Gives 0 or a negative errno.
    int give_to(uid_t user) const;

    // Removes the directory at `path` if it is this group; others may have removed it, and made one of the same name.
    // Gives 0 (also where this group is not there), or a negative errno.
    int remove(const std::string &path) const;

    // Sends SIGKILL to every process in it (cgroup.kill).
    int kill() const { return write("cgroup.kill", "1"); }

    // Opens one of its files for reading.
    Fd open_file(const char *file) const;

    // Waits until cgroup.events says `value` for `key` ("populated", "frozen"). Gives 0, -ETIMEDOUT or a negative
    // errno.
    int wait_event(const char *key, bool value, int timeout_ms) const;

  private:
    int set_owner(const std::string &id) const;

    Fd dir_;
};

// The id of the container whose group niwad has made at a path, or "". The mark is an extended attribute of the group:
// a group that somebody else makes at the same path later does not have it.
std::string group_owner(const std::string &path);

// Whether `events`, an open cgroup.events, says 1 for `key`.
bool group_event(const Fd &events, const char *key);
