// What JavaScript says of a container that is to be made.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../spawn.h"
#include "values.h"

std::vector<std::pair<std::string, std::string>> to_pairs(const Napi::Array &array);

LogBounds to_log_bounds(const Napi::Object &object);

// The template of an object, which is read once: its conversion takes longer than the rest of a request.
std::shared_ptr<const SpawnTemplate> kept_template(const Napi::Object &object);

// The arguments of a call, one after another: to look up fields of an object by their names takes several times as
// long.
class Arguments {
  public:
    explicit Arguments(Info info) : info_(info) {}
    Value next() { return info_[at_++]; }

  private:
    Info info_;
    size_t at_ = 0;
};

// Reads the arguments that every making of a container begins with: template, handle, id, cgroup, uidMap, gidMap,
// owner, mountMaps.
SpawnRequest to_spawn_request(Arguments &arguments);
