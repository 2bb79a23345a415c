import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { Caller } from '../access/allowed.js';
import type { Metrics } from '../accounting/metrics.js';
import type { UsageSums } from '../accounting/sums/sums.js';
import type { Runtime } from '../containers/runtime.js';
import type { Images } from '../images/images.js';
import type { ConnectionLimits } from './connections.js';
import type { Groups, rememberPeers } from './peer.js';

/** The server that routes are added to. */
export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** What the routes serve, and whom. */
export interface ApiOptions {
  runtime: Runtime;
  images: Images;
  sums: UsageSums;
  metrics: Metrics;
  log: FastifyBaseLogger;
  version: string;
  /** Who may use the socket beside root. */
  groups: Groups;
  limits: ConnectionLimits & { requestsPerSecond: number };
  sampleIntervalMs: number;
  /** Tells who is behind each connection; by the kernel's word unless given. */
  peersOf?: typeof rememberPeers;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sent it, by the kernel's word. */
    caller: Caller;
  }
}
