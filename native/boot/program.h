// The boot program: a flat list of operations, made by src/plan/encode.ts and run by interpreter.c.
//
// Layout, all integers in the machine's byte order:
//   header     u32 magic, u32 number of operations, u32 bytes that follow
//   operation  u16 code, u16 number of integers, u32 number of strings,
//              that many u64, then that many strings (u32 length, bytes, NUL)
#pragma once
#include <stddef.h>
#include <stdint.h>

#define PROGRAM_MAGIC 0x6177696eu // "niwa"
#define PROGRAM_MAX_BYTES (4u << 20)

// One line per operation: code, then its place in src/plan/op.ts. A test compares the two.
enum op_code {
    OP_SETNS = 1,
    OP_UNSHARE = 2,
    OP_PROPAGATION = 3,
    OP_WRITE = 4,
    OP_MOUNT = 5,
    OP_BIND = 6,
    OP_ROOT = 7,
    OP_MKDIR = 8,
    OP_SYMLINK = 9,
    OP_MKNOD = 10,
    OP_READONLY = 11,
    OP_MASK = 12,
    OP_REMOUNT_ROOT = 13,
    OP_PIVOT = 14,
    OP_HOSTNAME = 15,
    OP_LINK_UP = 16,
    OP_RLIMIT = 17,
    OP_UMASK = 18,
    OP_CHDIR = 19,
    OP_CAPBSET = 20,
    OP_USER = 21,
    OP_CAPSET = 22,
    OP_NO_NEW_PRIVS = 23,
    OP_SETSID = 24,
    OP_WAIT = 25,
    OP_INIT = 26,
    OP_EXEC = 27,
    OP_JOIN_USER = 28,
    OP_CLOSE_FDS = 29,
    OP_SECCOMP = 30,
    OP_UNDUMPABLE = 31,
    OP_ENTER = 32,
    OP_TERMINAL = 33,
    OP_OVERLAY = 36,
    OP_IMAGE = 37,
    OP_UPPER = 38,
    OP_PLACE_FILE = 41,
    OP_ACCOUNT = 42,
    OP_SYSCTL = 43,
    OP_EXEC_IMAGE = 44,
    OP_FIND_PROGRAM = 45,
    OP_PRIVATE_ABOVE = 50,
    OP_DOMAINNAME = 51,
    OP_SCHEDULER = 52,
    OP_IO_PRIORITY = 53,
    OP_PERSONALITY = 54,
    OP_KEEP_FDS = 55,
    OP_SECCOMP_FLAGS = 56,
    OP_PAUSE = 57,
    OP_HOOK = 58,
    OP_BE_BORN = 59,
    OP_SHOW_ROOT = 60,
    OP_CPUS = 61,
    OP_MEMORY_POLICY = 62,
    OP_SECCOMP_LISTENER = 63,
    OP_OWN_STREAMS = 64,
    OP_LAST = OP_OWN_STREAMS,
};

// One operation; `numbers` and `strings` live as long as the reader.
struct op {
    uint16_t code;
    size_t number_count;
    size_t string_count;
    const uint64_t *numbers;
    char **strings;
};

struct program {
    const unsigned char *next, *end;
    uint32_t remaining;
    // Room for the operation that was read last, used again by the next one.
    uint64_t *numbers;
    char **strings;
};

// Begins to read the body of a program (`bytes` after the header) that holds `count` operations.
void program_open(struct program *p, const unsigned char *bytes, size_t length, uint32_t count);

// Reads the next operation into `op`. Gives 1, or 0 at the end, or -EBADMSG where the bytes are no program, or -ENOMEM.
int program_next(struct program *p, struct op *op);

// Frees what program_next() allocated.
void program_close(struct program *p);
