#pragma once

// Detaches or covers all proc and sysfs mounts of the mount namespace but those at and below the path `kept`. The mount
// namespace must not be a peer of that of the host: they would end there, too. Gives 0 or a negative errno.
int hide_bare(const char *kept);
