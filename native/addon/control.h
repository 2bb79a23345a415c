// The control socket to niwa-boot: programs go out, reports and a terminal come in.
#pragma once
#include <cstddef>

#include "../boot/report.h"
#include "../core/fd.h"

// Sends all bytes. Gives whether they went.
bool send_all(int fd, const void *bytes, size_t length);

enum class Heard { kReady, kFailed, kEnd, kTimeout };

// Waits for what the helper says next, up to `timeout_ms` for each piece; of a `helper` that is a child, no longer
// where somebody stops it (SIGSTOP). The master side of a terminal that comes with it is put into `terminal`.
Heard hear(int control, boot_report *report, Fd *terminal, const Fd &helper, int timeout_ms);
