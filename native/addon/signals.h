// Whether a signal can do anything to a process.
#pragma once
#include <sys/types.h>

// False where `pid` is the first process of its PID namespace and neither handles, blocks nor ignores `signal`: the
// kernel then drops it without effect (pid_namespaces(7)), and waiting for the process to act on it would be in vain.
bool can_receive(pid_t pid, int signal);
