// Files of processes in /proc, see proc(5).
#pragma once
#include <cstddef>
#include <cstdint>
#include <sys/types.h>

// Reads a file of a process into `text`, which has room for `bytes` and always ends with a zero byte. Gives 0 or a
// negative errno.
int read_proc(pid_t pid, const char *name, char *text, size_t bytes);

// Gives field 22 of the text of /proc/PID/stat: when the process began, in clock ticks since the boot.
uint64_t start_ticks_of(const char *stat);

// Gives when a process began; 0 where there is no such process.
uint64_t read_start_ticks(pid_t pid);
