// Where niwa-oci looks unless the command line says otherwise.
#pragma once

#define DEFAULT_SOCKET "/run/niwa/oci.sock"
#define DEFAULT_ROOT "/run/niwa-oci"
