// Accepts connections also while the process has no descriptor left.
#pragma once
#include "../core/fd.h"

// A descriptor that is given up for a moment where the process has no other one left. Without it a connection could be
// neither accepted nor refused: its listening socket would stay ready, and the thread that waits for it would never
// sleep.
class SpareDescriptor {
  public:
    // Takes the descriptor, unless it is there.
    void take();
    void reset() { fd_.reset(); }

    // Accepts a connection, which does not block. Gives an invalid descriptor where nobody waits. Connections for which
    // there is no descriptor are given to `refuse`.
    Fd accept(const Fd &listener, void (*refuse)(Fd));

  private:
    Fd fd_;
};
