// The versions that `niwa-oci --version` tells: of the package, which a test compares, and of the runtime-spec.
#pragma once
#define NIWA_VERSION "0.1.0"
#define OCI_VERSION "1.3.0"
