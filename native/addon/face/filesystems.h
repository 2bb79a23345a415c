// The addon's face of file systems.
#pragma once
#include <napi.h>

void register_filesystems(Napi::Env env, Napi::Object exports);
