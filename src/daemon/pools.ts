import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Membership } from '../access/membership.js';
import type { Runtime } from '../containers/runtime.js';
import { usecNow } from '../engine/clock.js';
import { Pools } from '../pools/pools.js';
import { Stocks } from '../pools/stocks.js';
import { PoolStore } from '../pools/store.js';
import type { PoolSettings } from './config.js';

export interface PoolsOptions {
  stateDir: string;
  pools: PoolSettings;
  runtime: Runtime;
  membership: Membership;
  log: Logger;
}

/** Makes the pools of a daemon, and the stocks that services use, too. @throws NiwaError HOST_ERROR */
export function makePools({ stateDir, pools: settings, runtime, membership, log }: PoolsOptions): {
  stocks: Stocks;
  pools: Pools;
} {
  const { perUser, readyPerUser, maxAgeMs } = settings;
  const shared = { containers: runtime, membership, log };
  const stocks = new Stocks({ ...shared, readyPerUser, maxAgeUsec: maxAgeMs * 1000, clock: usecNow });
  return { stocks, pools: new Pools({ ...shared, stocks, store: new PoolStore(join(stateDir, 'pools')), perUser }) };
}
