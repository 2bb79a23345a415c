import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { NOTHING_ALLOWED } from '../../../src/access/allowed.js';
import { Membership, type UserFiles } from '../../../src/access/membership.js';
import { Ledger } from '../../../src/accounting/ledger.js';
import { EventLog } from '../../../src/containers/events/event-log.js';
import { Runtime } from '../../../src/containers/runtime.js';
import { usecNow } from '../../../src/engine/clock.js';
import { LastingStates } from '../../../src/engine/lasting-states.js';
import { StateStore } from '../../../src/engine/state-store.js';
import { IdPool } from '../../../src/host/id-pool.js';
import { ImageStore } from '../../../src/images/store.js';
import { DEFAULT_NETWORK } from '../../../src/installation/defaults.js';
import { LogStore } from '../../../src/logs/store.js';
import type { Lease } from '../../../src/network/lease.js';
import { Networks } from '../../../src/network/networks.js';
import { Stocks } from '../../../src/pools/stocks.js';
import type { Spec } from '../../../src/protocol/resolved-spec.js';
import { MarkFiles } from '../../../src/services/marks.js';
import { Services } from '../../../src/services/services.js';
import { ServiceStore } from '../../../src/services/store.js';
import { UNBOUNDED } from '../../../src/spec/ceilings.js';
import { VolumeStore } from '../../../src/volumes/store.js';
import { FakeKernel } from '../../fake-kernel.js';
import { capableHost } from '../support.js';
import { FakePaths } from './fake-paths.js';

const log = pino({ level: 'silent' });
const LOGS = { maxBytes: 2 ** 16, maxFiles: 2, bytesPerSecond: 0 };

/** A niwad in this process with a kernel and a data path that make nothing. */
export interface FakeNode {
  directory: string;
  kernel: FakeKernel;
  ledger: Ledger;
  runtime: Runtime;
  paths: FakePaths;
  services: Services;
  /** How many connections each instance has; 0 where none is said. */
  connections: Map<string, number>;
  /** Whether instances answer; those that do not are waited for. */
  answering: { yes: boolean; missing: string };
  images: Map<string, string>;
  /** The addresses whose tracked connections were forgotten. */
  forgotten: string[];
  /** The users of the machine; none is named at first. Group 27 is niwad's. */
  users: UserFiles;
  close(): Promise<void>;
}

/** The settings of a test's node. */
export interface NodeSettings {
  directory?: string;
  allowed?: Partial<typeof NOTHING_ALLOWED>;
  hasCpuController?: boolean;
}

/** Begins a niwad with the files that one before has left in `directory`. */
export async function beginNode(settings: NodeSettings = {}): Promise<FakeNode> {
  const { directory = newDirectory(), allowed = {}, hasCpuController = true } = settings;
  const at = (name: string) => join(directory, name);
  const kernel = new FakeKernel();
  const ledger = await Ledger.open(at('ledger'), { kernel });
  const events = await EventLog.open({ directory: at('events'), numberFile: at('number'), bootId: 'boot', log });
  const tree = { mount: directory, base: directory, containers: at('groups'), controllers: capableHost.controllers };
  const limits = { ...NOTHING_ALLOWED, ceilings: UNBOUNDED, ...allowed };
  const users = { passwd: '', group: '' };
  const membership = new Membership(27, async () => users);
  const runtime = new Runtime({
    ...{ kernel, ledger, events, log, hooks: {}, tree, allowed: limits, membership, defaults: UNBOUNDED },
    idPool: new IdPool(0x7000_0000, 100),
    images: new ImageStore(at('images')),
    volumes: new VolumeStore(at('volumes')),
    stage: at('stage'),
    states: new StateStore(at('containers'), new LastingStates(at('restarts'))),
    keeperSocket: at('keeper.sock'),
    drainFile: at('draining'),
    networks: new FakeNetworks({
      settings: DEFAULT_NETWORK,
      markFile: at('bridge'),
      groupsDirectory: at('hosts'),
      log,
      kernel,
    }),
    logs: new LogStore(at('containers'), at('logs'), LOGS, log, kernel),
    ...{ sampleIntervalMs: 60_000, interimIntervalMs: 60_000, keepExited: 10 },
  });
  await runtime.open();
  const paths = new FakePaths();
  const connections = new Map<string, number>();
  const answering = { yes: true, missing: 'nothing listens' };
  const images = new Map<string, string>();
  const forgotten: string[] = [];
  const stocks = new Stocks({
    ...{ containers: runtime, membership, log, clock: usecNow },
    ...{ readyPerUser: 8, maxAgeUsec: 3600e6 },
  });
  const services = new Services({
    ...{ containers: runtime, stocks, paths, log, allowed: limits, clock: usecNow },
    membership,
    store: new ServiceStore(at('state-services')),
    marks: new MarkFiles(at('run-services'), log),
    forgetFlows: async (of) => void forgotten.push(...of),
    connectionsOf: async ({ id }) => connections.get(id) ?? 0,
    answers: (_service, _to, _container, signal, { isMissing }) => {
      if (!answering.yes) isMissing(answering.missing);
      return until(() => answering.yes, signal);
    },
    imageId: (name) => images.get(name) ?? null,
    hasCpuController,
    memoryBytes: 2 ** 30,
  });
  paths.onWake = (name) => services.woken(name, usecNow());
  await services.open();
  stocks.open();
  const close = async () => {
    await services.close();
    await stocks.close();
    await runtime.close();
    await ledger.close();
    await events.close();
  };
  return {
    directory,
    kernel,
    ledger,
    runtime,
    paths,
    services,
    connections,
    answering,
    images,
    forgotten,
    users,
    close,
  };
}

/** Gives addresses as usual, and makes no bridge. */
class FakeNetworks extends Networks {
  override async take({ id, network }: Spec): Promise<Lease | null> {
    return network === null ? null : this.members.take(id, network).lease;
  }
  override async detach(id: string): Promise<void> {
    this.forget(id);
  }
  override async open(): Promise<void> {}
}

/** Makes the group that a container of an earlier niwad has, so that the next one takes it over. */
export function makeGroup({ directory }: FakeNode, id: string): void {
  const group = join(directory, 'groups', id);
  mkdirSync(group, { recursive: true });
  writeFileSync(join(group, 'cgroup.events'), 'populated 1\nfrozen 0\n');
}

export function removeNode({ directory }: FakeNode): void {
  rmSync(directory, { recursive: true, force: true });
}

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-services-'));
  mkdirSync(join(directory, 'groups'));
  return directory;
}

async function until(isTrue: () => boolean, signal: AbortSignal): Promise<boolean> {
  while (!isTrue() && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 1));
  return !signal.aborted;
}
