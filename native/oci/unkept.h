// The process that must not outlive this program.
#pragma once

// From now on it is this one: when this program ends, it is killed. The one before is killed now.
void keep_only(int pidfd);

// From now on it stays when this program ends.
void keep_born(void);
