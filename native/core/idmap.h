// Which file systems the kernel can id-map.
#pragma once
#include <string>

// Whether the file system of a path can be id-mapped. Tries it on a detached copy of its mount. True also where it
// cannot be tried, for example without privileges.
bool can_idmap(const std::string &path);
