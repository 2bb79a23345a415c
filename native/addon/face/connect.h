// The face of connect.h, and of the socket of the API, towards JavaScript.
#pragma once
#include <napi.h>

void register_connect(Napi::Env env, Napi::Object exports);
