// Paths of users that can be looked at without waiting for a file system.
#pragma once
#include <optional>
#include <string>

#include "../core/place.h"

// Says what an absolute path leads to, if the kernel remembers it and no link is on the way to its end. Nothing is
// known where this cannot be found out without waiting: then somebody has to look who may wait. The path is looked up
// in the kernel's memory alone. Two things are left that reach a file system:
// - After mounts have changed, at most once a second, the table of mounts is read.
// - A directory that is removed in the microsecond between the look and its end is freed here. It is empty, so there is
//   little to free. Other files may be large; a thread closes them.
std::optional<Place> look_at_path(const std::string &path);
