// Sets up the network of a container, step by step. src/plan/network.ts decides the steps.
#pragma once
#include <string>
#include <vector>

#include "../core/fd.h"
#include "nft_batch.h"

// One step. The comment of each operation in network*.cc says which fields it reads.
struct NetworkStep {
    std::string operation;
    bool inside = false; // in the container's network namespace, else in niwad's
    std::string device, bridge, mac, peer_mac, address, gateway;
    uint32_t number = 0;
    uint64_t bytes_per_second = 0;
    bool add = true;
    bool optional = false; // if it fails, the next step runs all the same
    std::vector<SetElement> elements;
};

// Where and why it failed: an errno, and the explanation of the kernel, where it gives one.
struct NetworkFailure {
    uint32_t step = 0;
    int error = 0; // errno, 0 for none
    std::string text;
};

// Runs steps one after another, up to the first that fails and is not optional. Those with `inside` run in the network
// namespace of the process `pidfd`. `counters` is set to what the step `count` opens. Blocks.
NetworkFailure run_network_steps(const std::vector<NetworkStep> &steps, const Fd &pidfd, Fd *counters);
