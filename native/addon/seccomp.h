// System call filters, compiled by libseccomp.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

struct SeccompArg {
    uint32_t index;
    std::string op; // the names of the OCI runtime specification, SCMP_CMP_*
    uint64_t value;
    uint64_t value_two;
};

struct SeccompRule {
    std::string name; // a system call; a rule for one that libseccomp does not know has no effect
    uint32_t action;  // SECCOMP_RET_* with its data
    std::vector<SeccompArg> args;
};

// Whether libseccomp knows a system call, of this machine or another one.
bool knows_call(const std::string &name);

// Compiles rules to instructions (struct sock_filter, 8 bytes each). System calls that are newer than libseccomp give
// ENOSYS, so that programs use older ones instead; so do calls of other machines. With `narrow`, the rules hold for the
// 32-bit variant of this machine, too. Gives 0 or a negative errno.
int compile_seccomp_filter(uint32_t default_action, const std::vector<SeccompRule> &rules, bool narrow,
                           std::vector<uint8_t> *program);
