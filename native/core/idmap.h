// Which file systems the kernel can id-map.
#pragma once
#include "fd.h"

// `unknown` where it could not be tried: without privileges, without memory, or in a mount that cannot be cloned.
enum class CanIdmap { no, yes, unknown };

// Whether the mount of an open file can be id-mapped; O_PATH is enough. Tries it on a detached copy of the mount. To be
// called by one thread alone.
CanIdmap can_idmap(const Fd &file);
