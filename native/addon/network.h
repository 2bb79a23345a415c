// What is done to the network for a container, step by step: src/plan/network.ts decides the steps.
#pragma once
#include <string>
#include <vector>

#include "../core/fd.h"

// An element of a set or map of nftables: `family` and `table` name the table; `data` is empty for a set.
struct SetElement {
    uint8_t family = 0;
    std::string table, set;
    std::vector<uint8_t> key, data;
};

// One step. Which fields it reads is said at each operation in network.cc.
struct NetworkStep {
    std::string operation;
    bool inside = false; // in the container's network namespace, else in niwad's
    std::string device, bridge, mac, peer_mac, address, gateway;
    uint32_t number = 0;
    uint64_t bytes_per_second = 0;
    bool add = true;
    bool optional = false; // the rest goes on where it fails
    std::vector<SetElement> elements;
};

// Where and why it failed: an errno, and the kernel's own words about it, where it has any.
struct NetworkFailure {
    uint32_t step = 0;
    int error = 0; // errno, 0 for none
    std::string text;
};

// Runs steps one after another. Those inside are for the process behind `pidfd`; `counters` gets what the step `count`
// opens. Blocks.
NetworkFailure run_network_steps(const std::vector<NetworkStep> &steps, const Fd &pidfd, Fd *counters);
