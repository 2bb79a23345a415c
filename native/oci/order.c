#include "order.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

struct rest {
    const char *bytes;
    size_t length;
};

static _Noreturn void refuse(void) {
    fail("niwad has another version than niwa-oci");
}

// Takes the first bytes of what is left.
static const char *take(struct rest *rest, size_t length) {
    if (rest->length < length) refuse();
    const char *bytes = rest->bytes;
    rest->bytes += length;
    rest->length -= length;
    return bytes;
}

// Takes a length (32 bits), and as many bytes.
static struct rest take_counted(struct rest *rest) {
    uint32_t length;
    memcpy(&length, take(rest, sizeof length), sizeof length);
    return (struct rest){take(rest, length), length};
}

// Takes the number of a descriptor. Gives false where it may be none.
static bool take_place(struct order *order, struct rest value) {
    char text[4] = {0};
    if (value.length >= sizeof text || order->place_count == MAX_PLACED) return false;
    memcpy(text, value.bytes, value.length);
    int place = atoi(text);
    order->places[order->place_count++] = place;
    return place >= 3 && place <= LAST_PLACE;
}

// Takes one word, `name=value`. Gives false for a name that is not known.
static bool take_word(struct order *order, const char *name, size_t length, struct rest value) {
    return length == 5 && memcmp(name, "place", length) == 0 && take_place(order, value);
}

struct order read_order(const struct frame *birth) {
    struct order order = {0};
    struct rest rest = {birth->body, birth->length};
    memcpy(&order.flags, take(&rest, sizeof order.flags), sizeof order.flags);
    for (struct rest words = take_counted(&rest); words.length > 0;) {
        struct rest word = take_counted(&words);
        const char *equals = memchr(word.bytes, '=', word.length);
        if (equals == NULL) refuse();
        size_t name = (size_t)(equals - word.bytes);
        struct rest value = {equals + 1, word.length - name - 1};
        if (!take_word(&order, word.bytes, name, value)) refuse();
    }
    order.program = rest.bytes;
    order.program_length = rest.length;
    return order;
}
