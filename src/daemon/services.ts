import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Allowed } from '../access/allowed.js';
import type { Membership } from '../access/membership.js';
import type { Runtime } from '../containers/runtime.js';
import { usecNow } from '../engine/clock.js';
import type { ImageStore } from '../images/store.js';
import { kernel } from '../kernel/addon.js';
import type { Networks } from '../network/networks.js';
import { ServicePaths } from '../network/services/paths.js';
import type { Stocks } from '../pools/stocks.js';
import { instanceAnswers } from '../services/answer.js';
import { MarkFiles } from '../services/marks.js';
import { Services } from '../services/services.js';
import { ServiceStore } from '../services/store.js';

export interface ServicesOptions {
  runDir: string;
  stateDir: string;
  runtime: Runtime;
  stocks: Stocks;
  networks: Networks;
  imageStore: ImageStore;
  allowed: Allowed;
  membership: Membership;
  log: Logger;
}

/** Makes the services of a daemon, and the data path that wakes them. @throws NiwaError HOST_ERROR */
export function makeServices({
  runDir,
  stateDir,
  runtime,
  stocks,
  networks,
  imageStore,
  allowed,
  membership,
  log,
}: ServicesOptions): Services {
  const paths = new ServicePaths({
    segment: networks.segment,
    addresses: networks.serviceAddresses,
    members: networks.members,
    kernel,
    log,
    onWake: (name) => services.woken(name, usecNow()),
  });
  const services: Services = new Services({
    ...{ containers: runtime, stocks, paths, allowed, membership, log, clock: usecNow },
    store: new ServiceStore(join(stateDir, 'services')),
    marks: new MarkFiles(join(runDir, 'services'), log),
    forgetFlows: async (of) => void (await kernel.network.forgetFlows({ of, but: [] })),
    connectionsOf: async ({ handle }, port) => (await kernel.services.sockets(handle, 'tcp', port)).connections,
    answers: (service, to, { handle }, signal, asking) => {
      const isBound = async () => (await kernel.services.sockets(handle, 'udp', to.port)).isListening;
      return instanceAnswers(service, to, isBound, signal, asking);
    },
    imageId: (name) => imageStore.idOf(name),
    hasCpuController: runtime.tree.controllers.available.includes('cpu'),
    memoryBytes: totalmem(),
  });
  return services;
}
