// errno, and the system call as such, see syscall(2). There is one thread: errno is a variable.
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "call.h"

int *__errno_location(void) {
    static int number;
    return &number;
}

// Reads six arguments, also where fewer were given: the kernel uses no more than the call has.
long syscall(long number, ...) {
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) arguments[i] = va_arg(list, long);
    va_end(list);
    long result = call(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
    if (result >= 0 || result < -4095) return result;
    errno = (int)-result;
    return -1;
}
