// The floor of a sampling round: reads the same files of every group below a directory, which stay open.
//
// floor-sample DIRECTORY FILE...
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "floor.h"

static int *files;
static size_t file_count;

static void read_all(void *state) {
    (void)state;
    char text[8192];
    for (size_t i = 0; i < file_count; i++) must(pread(files[i], text, sizeof text, 0), "pread");
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    DIR *directory = opendir(argv[1]);
    if (directory == NULL) die(argv[1]);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
        files = realloc(files, (file_count + (size_t)argc) * sizeof *files);
        if (files == NULL) die("realloc");
        for (int i = 2; i < argc; i++) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s/%s", argv[1], entry->d_name, argv[i]);
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            if (fd >= 0) files[file_count++] = fd;
        }
    }
    serve_orders(NULL, read_all, free);
}
