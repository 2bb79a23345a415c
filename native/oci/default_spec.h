// The config.json that `niwa-oci spec` writes.
#pragma once
extern const char default_spec[];
