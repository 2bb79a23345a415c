// The functions that the addon gives to JavaScript, one file for each topic; each file adds its own to the exports.
// src/kernel documents what becomes of them.
#pragma once
#include <initializer_list>
#include <napi.h>
#include <utility>

#include "values.h"

void export_events(Napi::Env env, Napi::Object exports);
void export_containers(Napi::Env env, Napi::Object exports);
void export_groups(Napi::Env env, Napi::Object exports);
void export_births(Napi::Env env, Napi::Object exports);
void export_readings(Napi::Env env, Napi::Object exports);
void export_records(Napi::Env env, Napi::Object exports);
void export_execs(Napi::Env env, Napi::Object exports);
void export_terminals(Napi::Env env, Napi::Object exports);
void export_logs(Napi::Env env, Napi::Object exports);
void export_network(Napi::Env env, Napi::Object exports);
void export_services(Napi::Env env, Napi::Object exports);
void export_service_relay(Napi::Env env, Napi::Object exports);
void export_images(Napi::Env env, Napi::Object exports);
void export_keeper(Napi::Env env, Napi::Object exports);
void export_sockets(Napi::Env env, Napi::Object exports);
void export_host(Napi::Env env, Napi::Object exports);

using Export = std::pair<const char *, Value (*)(Info)>;

inline void export_all(Napi::Env env, Napi::Object exports, std::initializer_list<Export> functions) {
    for (const auto &[name, function] : functions) exports.Set(name, Napi::Function::New(env, function, name));
}
