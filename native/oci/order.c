#include "order.h"

#include <stdlib.h>
#include <string.h>

static bool is(const char *name, size_t length, const char *wanted) {
    return length == strlen(wanted) && memcmp(name, wanted, length) == 0;
}

// Takes the number of a descriptor. Gives false where it may be none.
static bool take_place(struct order *order, struct text value) {
    char text[4] = {0};
    if (value.length >= sizeof text || order->place_count == MAX_PLACED) return false;
    memcpy(text, value.bytes, value.length);
    int place = atoi(text);
    order->places[order->place_count++] = place;
    return place >= 3 && place <= LAST_PLACE;
}

// Takes a list of the numbers of CPUs.
static bool take_cpus(struct order *order, struct text value) {
    const size_t bits = 8 * sizeof *order->cpus;
    for (size_t at = 0; at < value.length; at++) {
        size_t cpu = 0;
        for (; at < value.length && value.bytes[at] != ','; at++) cpu = 10 * cpu + (size_t)(value.bytes[at] - '0');
        if (cpu >= MAX_CPUS) return false;
        order->cpus[cpu / bits] |= 1ul << cpu % bits;
    }
    order->cpu_bytes = sizeof order->cpus;
    return true;
}

// Takes one word, `name=value`. Gives false for a name that is not known.
static bool take_word(struct order *order, const char *name, size_t length, struct text value) {
    if (is(name, length, "place")) return take_place(order, value);
    if (is(name, length, "net-device")) {
        if (order->device_count < MAX_DEVICES) order->devices[order->device_count] = value;
        return order->device_count++ < MAX_DEVICES;
    }
    if (is(name, length, "cpus")) return take_cpus(order, value);
    if (is(name, length, "paused")) return order->paused = true;
    if (is(name, length, "network")) return order->network = true;
    if (is(name, length, "removed")) return order->removed = true;
    struct text *const known = is(name, length, "agent")         ? &order->agent
                               : is(name, length, "notify")      ? &order->notify
                               : is(name, length, "agent-state") ? &order->agent_state
                                                                 : NULL;
    if (known != NULL) *known = value;
    return known != NULL;
}

struct order read_order(const struct frame *birth) {
    struct order order = {0};
    struct text rest = {birth->body, birth->length};
    memcpy(&order.flags, take_bytes(&rest, sizeof order.flags), sizeof order.flags);
    for (struct text words = take_text(&rest); words.length > 0;) {
        struct text word = take_text(&words);
        const char *equals = memchr(word.bytes, '=', word.length);
        if (equals == NULL) fail_by_version();
        size_t name = (size_t)(equals - word.bytes);
        struct text value = {equals + 1, word.length - name - 1};
        if (!take_word(&order, word.bytes, name, value)) fail_by_version();
    }
    order.program = rest.bytes;
    order.program_length = rest.length;
    return order;
}
