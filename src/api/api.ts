import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { Caller } from '../access/allowed.js';
import type { Metrics } from '../accounting/metrics.js';
import type { UsageSums } from '../accounting/sums/sums.js';
import type { Runtime } from '../containers/runtime.js';
import type { Volumes } from '../containers/volumes.js';
import type { Images } from '../images/images.js';
import type { Pools } from '../pools/pools.js';
import type { Services } from '../services/services.js';
import type { ConnectionLimits } from './connections.js';
import type { Groups, rememberPeers } from './peer.js';

/** The server to which the routes are added. */
export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** The parts of the daemon that the routes use, and the bounds of the API. */
export interface ApiOptions {
  runtime: Runtime;
  services: Services;
  pools: Pools;
  images: Images;
  volumes: Volumes;
  sums: UsageSums;
  metrics: Metrics;
  log: FastifyBaseLogger;
  version: string;
  /** The groups whose members may use the socket; root always may. */
  groups: Groups;
  limits: ConnectionLimits & { requestsPerSecond: number };
  sampleIntervalMs: number;
  /** Gives the process behind each connection; unless given, the kernel is asked. */
  peersOf?: typeof rememberPeers;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The user who sent the request, as the kernel says. */
    caller: Caller;
  }
}
