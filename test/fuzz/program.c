// Fuzzes what niwa-boot takes from its control socket: the header as main.c reads it, the operations as program.c does.
// Whatever is accepted has to be, byte for byte, what it was read from.
#define main boot_main
#include "../../native/boot/main.c"
#undef main

#include <sanitizer/asan_interface.h>
#include <string.h>
#include <sys/mman.h>

#define HEADER_BYTES 12
#define EXPECT(condition) ((condition) ? (void)0 : __builtin_trap())

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// main.c wants it; an operation that ran would change this machine.
int interpret(struct boot *boot, struct program *program, uint32_t *step) {
    (void)boot, (void)program, (void)step;
    return 0;
}

static const unsigned char *expect_bytes(const unsigned char *at, const void *bytes, size_t length) {
    EXPECT(memcmp(at, bytes, length) == 0);
    return at + length;
}

// Reads all of an operation. Gives where the next one begins in `at`, the bytes that this one was read from.
static const unsigned char *expect_op(const unsigned char *at, const struct op *op) {
    EXPECT(op->code >= 1 && op->code <= OP_LAST);
    EXPECT(op->strings[op->string_count] == NULL);
    uint16_t number_count = (uint16_t)op->number_count;
    uint32_t string_count = (uint32_t)op->string_count;
    at = expect_bytes(at, &op->code, sizeof op->code);
    at = expect_bytes(at, &number_count, sizeof number_count);
    at = expect_bytes(at, &string_count, sizeof string_count);
    at = expect_bytes(at, op->numbers, op->number_count * sizeof *op->numbers);
    for (size_t i = 0; i < op->string_count; i++) {
        uint32_t length = (uint32_t)strlen(op->strings[i]);
        at = expect_bytes(at, &length, sizeof length);
        at = expect_bytes(at, op->strings[i], length + 1);
    }
    return at;
}

static void read_operations(struct program *program, const unsigned char *at) {
    struct op op;
    int more;
    while ((more = program_next(program, &op)) > 0) {
        at = expect_op(at, &op);
        EXPECT(at == program->next);
    }
    EXPECT(more == 0 ? at == program->end && program->remaining == 0 : more == -EBADMSG || more == -ENOMEM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int fd = -1;
    if (fd < 0) fd = memfd_create("program", MFD_CLOEXEC);
    EXPECT(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);

    struct program program = {0};
    int error = read_program(fd, &program);
    EXPECT(error == 0 || error == -EBADMSG || error == -EPIPE || error == -ENOMEM);
    if (error < 0) return 0;
    unsigned char *body = (unsigned char *)program.next;
    ASAN_POISON_MEMORY_REGION(program.end, 1); // main.c allocates one more than it reads
    read_operations(&program, body);
    program_close(&program);
    free(body);
    return 0;
}

// Any change to the bytes, then most times a header that fits them again: otherwise few inputs would get past it.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    if (seed % 8 == 0 || size < HEADER_BYTES) return LLVMFuzzerMutate(data, size, max_size);
    uint32_t header[3] = {PROGRAM_MAGIC};
    memcpy(&header[1], data + sizeof header[0], sizeof header[1]);
    if (seed % 8 == 1) LLVMFuzzerMutate((uint8_t *)&header[1], sizeof header[1], sizeof header[1]);
    size_t length = LLVMFuzzerMutate(data + HEADER_BYTES, size - HEADER_BYTES, max_size - HEADER_BYTES);
    header[2] = (uint32_t)length;
    memcpy(data, header, sizeof header);
    return HEADER_BYTES + length;
}
