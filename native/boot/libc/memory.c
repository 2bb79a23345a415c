// Memory and strings, see the manual page of each. free() does nothing: niwa-boot allocates little.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// Without this the compiler would replace the loop in memcpy() by a call of memcpy().
#define NO_CALL __asm__ volatile("")

#define ARENA_BYTES 65536u

void *malloc(size_t bytes) {
    static _Alignas(16) char arena[ARENA_BYTES]; // of zeros, as the pages of mmap()
    static size_t used;
    if (bytes > PTRDIFF_MAX) return NULL;
    size_t size = (bytes + 15) & ~(size_t)15;
    if (size <= ARENA_BYTES - used) {
        void *taken = arena + used;
        used += size;
        return taken;
    }
    long mapped = syscall(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    return mapped == -1 ? NULL : (void *)mapped;
}

void *calloc(size_t count, size_t bytes) {
    size_t all;
    return __builtin_mul_overflow(count, bytes, &all) ? NULL : malloc(all);
}

void free(void *taken) {
    (void)taken;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        NO_CALL;
        ((char *)to)[i] = ((const char *)from)[i];
    }
    return to;
}

void *memset(void *to, int byte, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        NO_CALL;
        ((char *)to)[i] = (char)byte;
    }
    return to;
}

void *memchr(const void *in, int byte, size_t bytes) {
    const unsigned char *at = in;
    for (size_t i = 0; i < bytes; i++)
        if (at[i] == (unsigned char)byte) return (void *)(at + i);
    return NULL;
}

size_t strlen(const char *text) {
    size_t length = 0;
    for (; text[length] != 0; length++) NO_CALL;
    return length;
}

int strncmp(const char *a, const char *b, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (a[i] != b[i]) return (unsigned char)a[i] - (unsigned char)b[i];
        if (a[i] == 0) return 0;
    }
    return 0;
}

int strcmp(const char *a, const char *b) {
    return strncmp(a, b, SIZE_MAX);
}

char *strcpy(char *restrict to, const char *restrict from) {
    return memcpy(to, from, strlen(from) + 1);
}

char *strchr(const char *text, int letter) {
    return memchr(text, letter, strlen(text) + 1);
}

char *strrchr(const char *text, int letter) {
    for (size_t i = strlen(text) + 1; i > 0; i--)
        if (text[i - 1] == (char)letter) return (char *)text + i - 1;
    return NULL;
}

size_t strcspn(const char *text, const char *letters) {
    size_t length = 0;
    while (text[length] != 0 && strchr(letters, text[length]) == NULL) length++;
    return length;
}

char *strndup(const char *text, size_t most) {
    const char *end = memchr(text, 0, most);
    size_t length = end == NULL ? most : (size_t)(end - text);
    char *copy = calloc(length + 1, 1);
    return copy == NULL ? NULL : memcpy(copy, text, length);
}
