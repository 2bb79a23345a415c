// What the kernel can id-map.
#pragma once
#include <string>

// Whether the file system of a path can be id-mapped: tries it on a copy of its mount that nobody sees. True also where
// that cannot be tried, as without privileges.
bool can_idmap(const std::string &path);
