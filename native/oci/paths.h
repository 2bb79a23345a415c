// Where niwa-oci looks unless the command line says otherwise.
#pragma once

#define DEFAULT_SOCKET "/run/niwa/oci.sock"
#define DEFAULT_ROOT "/run/niwa-oci"

// Up to this length a path fits wherever this program may put it.
#define MAX_PLAIN_PATH 240
