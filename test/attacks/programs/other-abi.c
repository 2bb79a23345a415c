// Calls add_key by the numbers of another ABI of this processor, which a filter of the usual numbers does not know.
#include "report.h"

static long result_of(long result) {
    errno = result < 0 ? (int)-result : 0;
    return result < 0 ? -1 : result;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
#if defined(__x86_64__)
    static char type[] = "user", name[] = "niwa-attack", key[] = "x";
    long result;
    if (strcmp(argv[1], "i386") == 0) {
        // Pointers of the program itself fit into 32 bits: it is static and not position-independent.
        asm volatile("int $0x80"
                     : "=a"(result)
                     : "a"(286L), "b"((long)type), "c"((long)name), "d"((long)key), "S"(1L), "D"(-2L)
                     : "memory");
        tried("add_key", result_of(result));
    } else {
        tried("add_key", syscall(0x40000000 + SYS_add_key, type, name, key, 1, -2));
    }
#endif
    return 0;
}
