// The face of connect.h towards JavaScript.
#pragma once
#include <napi.h>

void register_connect(Napi::Env env, Napi::Object exports);
