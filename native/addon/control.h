// The control socket to niwa-boot: niwad sends the program, niwa-boot sends reports and a terminal.
#pragma once
#include <cstddef>

#include "../boot/report.h"
#include "../core/fd.h"

// Sends all bytes. Gives whether they were sent.
bool send_all(int fd, const void *bytes, size_t length);

enum class ReportOutcome { kReady, kFailed, kEnd, kTimeout };

// Waits for the next report of niwa-boot, up to `timeout_ms` for each part of it. `helper` is the pidfd of niwa-boot
// where that is a child of ours: if somebody stops the process (SIGSTOP), it gives kTimeout at once. The master side of
// a terminal that comes before the report is put into `terminal`.
ReportOutcome await_report(int control, boot_report *report, Fd *terminal, const Fd &helper, int timeout_ms);
