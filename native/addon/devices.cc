#include "devices.h"

#include <cerrno>
#include <cstdint>
#include <linux/bpf.h>
#include <map>
#include <memory>
#include <mutex>
#include <sys/syscall.h>

#include "../core/fd.h"

namespace {

constexpr int kResult = BPF_REG_0, kContext = BPF_REG_1, kType = BPF_REG_2, kAccess = BPF_REG_3, kMajor = BPF_REG_4,
              kMinor = BPF_REG_5;

bpf_insn load(int destination, int offset) {
    return {BPF_LDX | BPF_MEM | BPF_W, static_cast<uint8_t>(destination & 0xf), kContext, static_cast<int16_t>(offset),
            0};
}
bpf_insn calculate(int operation, int destination, int value) {
    return {static_cast<uint8_t>(BPF_ALU64 | operation | BPF_K), static_cast<uint8_t>(destination & 0xf), 0, 0, value};
}
// Skips so many instructions if `source` compares so with a value.
bpf_insn skip_if(int comparison, int source, int value, int count) {
    return {static_cast<uint8_t>(BPF_JMP | comparison | BPF_K), static_cast<uint8_t>(source & 0xf), 0,
            static_cast<int16_t>(count), value};
}
bpf_insn leave() {
    return {BPF_JMP | BPF_EXIT, 0, 0, 0, 0};
}

void add_result(std::vector<bpf_insn> *program, int value) {
    program->push_back(calculate(BPF_MOV, kResult, value));
    program->push_back(leave());
}

// What follows where a rule is for the device. kAccess has the kinds of access that no later rule has allowed.
std::vector<bpf_insn> decision(const DeviceRule &rule) {
    std::vector<bpf_insn> steps;
    if (rule.allows) {
        steps.push_back(calculate(BPF_AND, kAccess, ~rule.access));
        steps.push_back(skip_if(BPF_JNE, kAccess, 0, 2));
        add_result(&steps, 1);
    } else {
        steps.push_back(calculate(BPF_MOV, kResult, 0)); // the verifier refuses to leave without a result
        steps.push_back(skip_if(BPF_JSET, kAccess, rule.access, 1));
        steps.push_back({BPF_JMP | BPF_JA, 0, 0, 1, 0});
        steps.push_back(leave());
    }
    return steps;
}

// Looks at the rules from the last one on: each takes its kinds of access from what is still asked for, or refuses.
// What no rule allows is refused.
std::vector<bpf_insn> build(const std::vector<DeviceRule> &rules) {
    std::vector<bpf_insn> program = {
        load(kType, 0), // access_type: the kind of device in the lower half, see struct bpf_cgroup_dev_ctx
        load(kAccess, 0), calculate(BPF_AND, kType, 0xffff), calculate(BPF_RSH, kAccess, 16), load(kMajor, 4),
        load(kMinor, 8),
    };
    for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
        std::vector<std::pair<int, int>> checks;
        if (rule->type != 'a') checks.emplace_back(kType, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
        if (rule->major >= 0) checks.emplace_back(kMajor, rule->major);
        if (rule->minor >= 0) checks.emplace_back(kMinor, rule->minor);
        std::vector<bpf_insn> steps = decision(*rule);
        int left = static_cast<int>(checks.size() + steps.size());
        for (auto [source, value] : checks) program.push_back(skip_if(BPF_JNE, source, value, --left));
        program.insert(program.end(), steps.begin(), steps.end());
    }
    add_result(&program, 0);
    return program;
}

constexpr int kLoadAttempts = 100;

long bpf(int command, bpf_attr *attributes) {
    return syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

Fd load_program(const std::vector<DeviceRule> &rules) {
    std::vector<bpf_insn> program = build(rules);
    bpf_attr attributes = {};
    attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attributes.insns = reinterpret_cast<uint64_t>(program.data());
    attributes.insn_cnt = static_cast<uint32_t>(program.size());
    attributes.license = reinterpret_cast<uint64_t>("MIT");
    // The verifier fails with EAGAIN when a signal is pending for this thread, and Node.js uses signals a lot.
    long fd;
    for (int attempt = 0; attempt < kLoadAttempts; attempt++)
        if ((fd = bpf(BPF_PROG_LOAD, &attributes)) >= 0 || errno != EAGAIN) break;
    return Fd(static_cast<int>(fd));
}

constexpr size_t kMostPrograms = 64;

struct Program {
    std::mutex mutex; // held while it is loaded
    Fd fd;
};

// Gives the program for these rules, which may not be loaded yet. Programs are cached: most containers have the same
// rules, and loading takes an eighth of a start.
std::shared_ptr<Program> program_for(const std::vector<DeviceRule> &rules) {
    static std::mutex mutex;
    static std::map<std::vector<DeviceRule>, std::shared_ptr<Program>> programs;
    std::lock_guard<std::mutex> lock(mutex);
    auto found = programs.find(rules);
    if (found != programs.end()) return found->second;
    auto program = std::make_shared<Program>();
    if (programs.size() < kMostPrograms) programs.emplace(rules, program);
    return program;
}

// Gives the descriptor of a loaded program, or a negative errno; after an error the next call tries again. The kernel
// may take seconds to verify many rules: starts with the same rules wait for the first of them, others do not.
int loaded(Program *program, const std::vector<DeviceRule> &rules) {
    std::lock_guard<std::mutex> lock(program->mutex);
    if (!program->fd.valid()) program->fd = load_program(rules);
    return program->fd.valid() ? program->fd.get() : -errno;
}

} // namespace

int filter_devices(int cgroup, const std::vector<DeviceRule> &rules) {
    std::shared_ptr<Program> program = program_for(rules);
    int fd = loaded(program.get(), rules);
    if (fd < 0) return fd;
    bpf_attr attributes = {};
    attributes.target_fd = static_cast<uint32_t>(cgroup);
    attributes.attach_bpf_fd = static_cast<uint32_t>(fd);
    attributes.attach_type = BPF_CGROUP_DEVICE;
    attributes.attach_flags = BPF_F_ALLOW_MULTI;               // programs of the groups above stay in force
    return bpf(BPF_PROG_ATTACH, &attributes) < 0 ? -errno : 0; // the group keeps the program
}

bool can_filter_devices() {
    return load_program({}).valid();
}
