#include <stdint.h>
#include <stdio.h>

#include "options.h"

// The words of runc, whose commands and options container engines give.

#define BUNDLE                                                                                                         \
    { "bundle", 'b', "DIR", "the bundle: config.json and the root; the working directory" }
#define CONFIG                                                                                                         \
    { "config", 'f', "FILE", "the config, where it is not config.json in the bundle" }
#define CONSOLE                                                                                                        \
    { "console-socket", 0, "PATH", "a Unix socket that gets the terminal of the process" }
#define PID_FILE                                                                                                       \
    { "pid-file", 0, "FILE", "gets the pid of the process" }
#define PIDFD_SOCKET                                                                                                   \
    { "pidfd-socket", 0, "PATH", "a Unix socket that gets a pidfd of the process" }
#define PRESERVE_FDS                                                                                                   \
    { "preserve-fds", 0, "N", "gives the program N descriptors from 3 on, too" }
#define NO_PIVOT                                                                                                       \
    { "no-pivot", 0, NULL, "moves the root over that of the host, in place of pivot_root(2)" }
#define NO_KEYRING                                                                                                     \
    { "no-new-keyring", 0, NULL, "leaves the process the session keyring of niwa-oci" }
#define NO_SUBREAPER                                                                                                   \
    { "no-subreaper", 0, NULL, "no effect: niwa-oci is never a subreaper" }
#define DETACH                                                                                                         \
    { "detach", 'd', NULL, "does not wait for the end" }
#define IMAGE_PATH                                                                                                     \
    { "image-path", 0, "DIR", "the images; checkpoint" }
#define WORK_PATH                                                                                                      \
    { "work-path", 0, "DIR", "the logs of CRIU; those of --image-path" }
#define FOR_CRIU                                                                                                       \
    {"tcp-established", 0, NULL, "with open TCP connections"},                                                         \
        {"ext-unix-sk", 0, NULL, "with Unix sockets to processes outside"},                                            \
        {"shell-job", 0, NULL, "with a terminal of the outside"}, {"file-locks", 0, NULL, "with locks of files"},      \
        {"manage-cgroups-mode", 0, "MODE", "only soft: niwad makes the group"}, {"empty-ns", 0, "TYPE", "is refused"}, \
        {"lazy-pages", 0, NULL, "is refused"}, {                                                                       \
        "auto-dedup", 0, NULL, "is refused"                                                                            \
    }

const struct rule global_rules[] = {
    {"root", 0, "DIR", "separates the ids of several engines: each has its own; /run/niwa-oci"},
    {"log", 0, "FILE", "gets errors and warnings"},
    {"log-format", 0, "FORMAT", "of the log: text or json"},
    {"debug", 0, NULL, "no effect: the log of niwad has the details"},
    {"systemd-cgroup", 0, NULL, "lets systemd make the group, as a scope"},
    {"niwad", 0, "PATH", "the socket of niwad; NIWA_OCI_SOCKET, or /run/niwa/oci.sock"},
    {"rootless", 0, "WORD", "auto or false: only root may use niwa-oci"},
    {"cgroup-manager", 0, "WORD", "cgroupfs, systemd or disabled"},
    {"criu", 0, "FILE", "the program of checkpoint and restore; criu in PATH"},
    {"version", 'v', NULL, "shows the version"},
    {NULL, 0, NULL, NULL},
};

const struct verb verbs[] = {
    {"spec",
     "",
     0,
     "write a config.json that runs a shell",
     {{"bundle", 'b', "DIR", "where it is written; the working directory"},
      {"rootless", 0, NULL, "of a container in a user namespace of one id"}}},
    {"create",
     "CONTAINER",
     1,
     "make a container, which waits for its start",
     {BUNDLE, CONFIG, CONSOLE, PID_FILE, PIDFD_SOCKET, NO_PIVOT, NO_KEYRING, PRESERVE_FDS}},
    {"start", "CONTAINER", 1, "start a container that was made", {{0}}},
    {"state", "CONTAINER", 1, "show the state of a container as JSON", {{0}}},
    {"kill",
     "CONTAINER [SIGNAL]",
     2,
     "send a signal to a container; SIGTERM",
     {{"all", 'a', NULL, "to all processes of the container"}}},
    {"delete",
     "CONTAINER",
     1,
     "remove a container that has ended",
     {{"force", 'f', NULL, "ends it before; a missing one is no error"},
      {"regex", 'r', NULL, "removes all containers whose ids match a regular expression"}}},
    {"run",
     "CONTAINER",
     1,
     "make and start a container, wait for its end, and remove it",
     {BUNDLE,
      CONFIG,
      CONSOLE,
      PID_FILE,
      PIDFD_SOCKET,
      DETACH,
      {"keep", 0, NULL, "does not remove it at its end"},
      NO_PIVOT,
      NO_KEYRING,
      NO_SUBREAPER,
      PRESERVE_FDS}},
    {"exec",
     "CONTAINER [PROGRAM ...]",
     SIZE_MAX,
     "run a further program in a container",
     {{"process", 'p', "FILE", "process as in a config, in place of the options and PROGRAM"},
      DETACH,
      {"tty", 't', NULL, "with a terminal"},
      {"env", 'e', "NAME=VALUE", "a variable of its environment; may be repeated"},
      {"cwd", 0, "DIR", "its working directory"},
      {"user", 'u', "UID[:GID]", "its user"},
      {"additional-gids", 'g', "GID", "a further group; may be repeated"},
      {"cap", 'c', "NAME", "a further capability; may be repeated"},
      {"no-new-privs", 0, NULL, "it gains no rights by execve(2)"},
      CONSOLE,
      PID_FILE,
      PIDFD_SOCKET,
      {"cgroup", 0, "PATH", "its group, below that of the container"},
      NO_SUBREAPER,
      PRESERVE_FDS,
      {"ignore-paused", 0, NULL, "in a paused container, too: it begins when that is resumed"},
      {"apparmor", 0, "PROFILE", "its profile of AppArmor"},
      {"process-label", 0, "LABEL", "its label of SELinux"}}},
    {"ps",
     "CONTAINER [OPTION of ps ...]",
     SIZE_MAX,
     "show the processes of a container",
     {{"format", 'f', "FORMAT", "table, by ps(1), or json: the pids"}}},
    {"list",
     "",
     0,
     "show the containers",
     {{"format", 'f', "FORMAT", "table or json"}, {"quiet", 'q', NULL, "the ids alone"}}},
    {"features", "", 0, "show what this runtime can do as JSON", {{0}}},
    {"pause", "CONTAINER", 1, "stop all processes of a container", {{0}}},
    {"resume", "CONTAINER", 1, "let the processes of a container go on", {{0}}},
    {"update",
     "CONTAINER",
     1,
     "change limits of a container",
     {{"resources", 'r', "FILE", "the limits as linux.resources of a config; - for the standard input"},
      {"memory", 0, "BYTES", "such as 512m; -1 for no limit"},
      {"memory-reservation", 0, "BYTES", "what the kernel leaves the container"},
      {"memory-swap", 0, "BYTES", "memory and swap together"},
      {"kernel-memory", 0, "BYTES", "of cgroup v1: only 0 or -1"},
      {"kernel-memory-tcp", 0, "BYTES", "of cgroup v1: only 0 or -1"},
      {"cpu-share", 0, "N", "its share beside others, 2 to 262144"},
      {"cpu-shares", 0, "N", "as --cpu-share"},
      {"cpu-quota", 0, "USEC", "processor time in each period; -1 for no limit"},
      {"cpu-period", 0, "USEC", "the period of --cpu-quota"},
      {"cpu-burst", 0, "USEC", "unused quota that it may use later"},
      {"cpu-idle", 0, "N", "1: runs only where no other wants to"},
      {"cpu-rt-period", 0, "USEC", "of cgroup v1: only 0"},
      {"cpu-rt-runtime", 0, "USEC", "of cgroup v1: only 0 or -1"},
      {"cpuset-cpus", 0, "LIST", "the CPUs, such as 0-3,7"},
      {"cpuset-mems", 0, "LIST", "the memory nodes"},
      {"pids-limit", 0, "N", "processes and threads; -1 for no limit"},
      {"blkio-weight", 0, "N", "its share of disks, 10 to 1000"},
      {"l3-cache-schema", 0, "TEXT", "is refused: Intel RDT is not supported"},
      {"mem-bw-schema", 0, "TEXT", "is refused: Intel RDT is not supported"}}},
    {"checkpoint",
     "CONTAINER",
     1,
     "write a container into images by CRIU, and delete it",
     {IMAGE_PATH,
      WORK_PATH,
      {"leave-running", 0, NULL, "it goes on"},
      FOR_CRIU,
      {"pre-dump", 0, NULL, "is refused"},
      {"parent-path", 0, "DIR", "is refused"},
      {"page-server", 0, "ADDRESS", "is refused"},
      {"status-fd", 0, "FD", "is refused"}}},
    {"restore",
     "CONTAINER",
     1,
     "make a container of images by CRIU",
     {IMAGE_PATH,
      WORK_PATH,
      BUNDLE,
      CONFIG,
      DETACH,
      PID_FILE,
      CONSOLE,
      FOR_CRIU,
      {"lsm-profile", 0, "TEXT", "the label of the processes, see criu(8)"},
      {"lsm-mount-context", 0, "TEXT", "the SELinux context of mounts, see criu(8)"},
      NO_PIVOT,
      NO_SUBREAPER}},
    {"events",
     "CONTAINER",
     1,
     "show what a container uses, until it has ended",
     {{"stats", 0, NULL, "once"}, {"interval", 0, "TIME", "between two lines, such as 500ms, 5s or 1m30s; 5s"}}},
};

const size_t verb_count = sizeof verbs / sizeof *verbs;
