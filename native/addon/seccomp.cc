#include "seccomp.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <memory>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../core/fd.h"

namespace {

#if defined(__x86_64__)
constexpr uint32_t kArch = AUDIT_ARCH_X86_64;
constexpr uint32_t kNarrow = SCMP_ARCH_X86;
#elif defined(__aarch64__)
constexpr uint32_t kArch = AUDIT_ARCH_AARCH64;
constexpr uint32_t kNarrow = SCMP_ARCH_ARM;
#endif
constexpr int kMoreThanAnyCall = 2000;

struct Release {
    void operator()(void *filter) const { seccomp_release(filter); }
};

const std::pair<const char *, scmp_compare> kOperators[] = {
    {"SCMP_CMP_NE", SCMP_CMP_NE},
    {"SCMP_CMP_LT", SCMP_CMP_LT},
    {"SCMP_CMP_LE", SCMP_CMP_LE},
    {"SCMP_CMP_EQ", SCMP_CMP_EQ},
    {"SCMP_CMP_GE", SCMP_CMP_GE},
    {"SCMP_CMP_GT", SCMP_CMP_GT},
    {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};

bool to_comparison(const SeccompArg &arg, scmp_arg_cmp *comparison) {
    for (auto [name, op] : kOperators) {
        if (arg.op != name) continue;
        *comparison = {arg.index, op, arg.value, arg.value_two};
        return true;
    }
    return false;
}

int add_rule(void *filter, const SeccompRule &rule) {
    int number = seccomp_syscall_resolve_name(rule.name.c_str());
    if (number == __NR_SCMP_ERROR) return 0;
    std::vector<scmp_arg_cmp> comparisons(rule.args.size());
    for (size_t i = 0; i < rule.args.size(); i++)
        if (!to_comparison(rule.args[i], &comparisons[i])) return -EINVAL;
    int error = seccomp_rule_add_array(filter, rule.action, number, static_cast<unsigned>(comparisons.size()),
                                       comparisons.data());
    return error == -EACCES || error == -EDOM
               ? 0
               : error; // the rule is the default action, or this machine has no such call
}

int newest_known_call() {
    int newest = 0;
    for (int number = 0; number < kMoreThanAnyCall; number++) {
        std::unique_ptr<char, decltype(&free)> name(seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number), free);
        if (name) newest = number;
    }
    return newest;
}

void append(std::vector<uint8_t> *program, const void *bytes, size_t length) {
    auto *begin = static_cast<const uint8_t *>(bytes);
    program->insert(program->end(), begin, begin + length);
}

int read_whole(const Fd &file, std::vector<uint8_t> *program) {
    struct stat status;
    if (fstat(file.get(), &status) < 0) return -errno;
    std::vector<uint8_t> bytes(static_cast<size_t>(status.st_size));
    if (pread(file.get(), bytes.data(), bytes.size(), 0) != status.st_size) return -EIO;
    append(program, bytes.data(), bytes.size());
    return 0;
}

} // namespace

bool knows_call(const std::string &name) {
    return seccomp_syscall_resolve_name(name.c_str()) != __NR_SCMP_ERROR;
}

int compile_seccomp_filter(uint32_t default_action, const std::vector<SeccompRule> &rules, bool narrow,
                           std::vector<uint8_t> *program) {
    std::unique_ptr<void, Release> filter(seccomp_init(default_action));
    if (!filter) return -EINVAL;
    seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    if (narrow && seccomp_arch_add(filter.get(), kNarrow) < 0) return -EINVAL;
    seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2); // a binary tree, which is faster than a list
    for (const SeccompRule &rule : rules) {
        int error = add_rule(filter.get(), rule);
        if (error < 0) return error;
    }
    static const int newest = newest_known_call();
    const sock_filter unknown[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArch, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, static_cast<uint32_t>(newest), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };
    append(program, unknown, sizeof unknown);
    Fd file(memfd_create("seccomp", MFD_CLOEXEC));
    if (!file.valid()) return -errno;
    int error = seccomp_export_bpf(filter.get(), file.get());
    return error < 0 ? error : read_whole(file, program);
}
