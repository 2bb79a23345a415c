#include "program.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool take(struct program *p, void *out, size_t bytes) {
    if ((size_t)(p->end - p->next) < bytes) return false;
    memcpy(out, p->next, bytes);
    p->next += bytes;
    return true;
}

// Points at a string inside the program, where it ends with NUL.
static bool take_string(struct program *p, char **out) {
    uint32_t length;
    if (!take(p, &length, sizeof length)) return false;
    if ((size_t)(p->end - p->next) <= length) return false;
    if (p->next[length] != 0 || memchr(p->next, 0, length) != NULL) return false;
    *out = (char *)p->next;
    p->next += length + 1;
    return true;
}

void program_open(struct program *p, const unsigned char *bytes, size_t length, uint32_t count) {
    *p = (struct program){.next = bytes, .end = bytes + length, .remaining = count};
}

void program_close(struct program *p) {
    free(p->numbers);
    free(p->strings);
    p->numbers = NULL;
    p->strings = NULL;
}

int program_next(struct program *p, struct op *op) {
    if (p->remaining == 0) return p->next == p->end ? 0 : -EBADMSG;
    p->remaining--;
    program_close(p);

    uint16_t code, number_count;
    uint32_t string_count;
    if (!take(p, &code, sizeof code) || !take(p, &number_count, sizeof number_count) ||
        !take(p, &string_count, sizeof string_count))
        return -EBADMSG;
    if (code == 0 || code > OP_LAST) return -EBADMSG;
    size_t left = (size_t)(p->end - p->next);
    if (number_count * sizeof(uint64_t) > left || string_count > left / (sizeof(uint32_t) + 1)) return -EBADMSG;

    p->numbers = calloc(number_count + 1u, sizeof *p->numbers);
    p->strings = calloc(string_count + (size_t)1, sizeof *p->strings);
    if (p->numbers == NULL || p->strings == NULL) return -ENOMEM;
    if (!take(p, p->numbers, number_count * sizeof(uint64_t))) return -EBADMSG;
    for (uint32_t i = 0; i < string_count; i++)
        if (!take_string(p, &p->strings[i])) return -EBADMSG;

    *op = (struct op){code, number_count, string_count, p->numbers, p->strings};
    return 1;
}
