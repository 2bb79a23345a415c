// The part of the addon's face that is about execs and terminals.
#pragma once
#include <napi.h>

// Adds its functions to the addon.
void register_exec(Napi::Env env, Napi::Object exports);
