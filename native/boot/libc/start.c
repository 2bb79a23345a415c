// The first instructions of niwa-boot, instead of those of glibc, which executes about seventy CPUID instructions. In a
// virtual machine each of them is a trap, and together they took half a millisecond of every start.
#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

int main(void);
void begin(const uintptr_t *stack);

uintptr_t __stack_chk_guard; // what -mstack-protector-guard=global compares with

#if defined(__x86_64__)
__asm__(".globl _start\n"
        "_start:\n\t"
        "xorl %ebp, %ebp\n\t"
        "movq %rsp, %rdi\n\t"
        "andq $-16, %rsp\n\t"
        "callq begin\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n"
        "_start:\n\t"
        "mov x29, xzr\n\t"
        "mov x30, xzr\n\t"
        "mov x0, sp\n\t"
        "bl begin\n");
#else
#error "niwa runs on x86-64 and arm64"
#endif

// The stack holds the number of arguments, the arguments, the environment, and pairs from the kernel; each but the last
// ends in a zero. AT_RANDOM is the address of 16 random bytes, see getauxval(3).
__attribute__((optimize("no-stack-protector"))) void begin(const uintptr_t *stack) {
    const uintptr_t *at = stack + stack[0] + 2;
    while (*at++ != 0) continue;
    for (; at[0] != AT_NULL; at += 2)
        if (at[0] == AT_RANDOM) memcpy(&__stack_chk_guard, (const void *)at[1], sizeof __stack_chk_guard);
    __stack_chk_guard &= ~(uintptr_t)0xff; // its zero byte stops an overflow by a string function
    _exit(main());
}

__attribute__((noreturn)) void __stack_chk_fail(void);
void __stack_chk_fail(void) {
    __builtin_trap();
}
