// Uses the kernel's keyrings, which no namespace of the container covers.
#include "report.h"

int main(void) {
    tried("add_key", syscall(SYS_add_key, "user", "niwa-attack", "x", 1, -2));
    tried("request_key", syscall(SYS_request_key, "user", "niwa-attack", NULL, -2));
    tried("keyctl", syscall(SYS_keyctl, 0, -3, 0)); // KEYCTL_GET_KEYRING_ID of the session
    return 0;
}
