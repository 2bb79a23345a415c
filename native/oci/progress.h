// How far the boot program of a new process has come: it says so by reports over its control socket.
#pragma once
#include "../boot/report.h"
#include "birth.h"
#include "order.h"

// Waits until the process reports how far its program has come: that one, and none that leaves its place to it. Hands a
// listener to the agent of `order` meanwhile. A path may hang for ever, so this also ends where niwad goes away; and a
// process of the container may stop the new one: both end the program. Gives 0, -EIO where the process or its control
// socket has ended, -EPROTO for something else than a report, or -ETIMEDOUT.
int await_report(const struct order *order, int niwad, struct born *born, struct boot_report *report);
