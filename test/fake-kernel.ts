import { types } from 'node:util';
import { readStartTicks } from '../src/host/process.js';
import { kernel as real } from '../src/kernel/addon.js';
import type { AdoptRequest, Created, Deadline, ExitEvent, Handle, Started } from '../src/kernel/containers.js';
import { type FailedAt, KernelError } from '../src/kernel/errors.js';
import type { Kernel, KernelEvent } from '../src/kernel/kernel.js';
import type { LogRequest } from '../src/kernel/logs.js';

type Topics = Omit<Kernel, 'watch'>;
/** Such as `"containers.create"`. */
export type CallName = { [T in keyof Topics]: `${T}.${Extract<keyof Topics[T], string>}` }[keyof Topics];

const PHASES = { queue: 0, group: 0, devices: 0, userns: 0, clone: 0, boot: 0 };
const ENDED: Omit<ExitEvent, 'handle' | 'atNs' | 'row'> = {
  type: 'exit',
  cause: 0,
  statusKnown: true,
  code: 0,
  signal: 0,
  ioStat: '',
};
const SIGKILL = 9;

/**
 * A kernel that makes nothing: it writes down what is asked of it, and answers as if all had worked, unless a test has
 * said otherwise. Containers live until they are killed, their deadline is now, or a test ends them. It needs no root,
 * only its clock is the real one.
 */
export class FakeKernel implements Kernel {
  /** What was asked for, in its order. */
  readonly calls: { name: CallName; args: unknown[] }[] = [];
  /** The ids that the keeper has. */
  kept: string[] = [];
  readonly #live = new Map<Handle, Deadline | null>();
  readonly #handles = new Map<string, Handle>();
  readonly #adoptions = new Map<Handle, AdoptRequest>();
  readonly #always = new Set<CallName>();
  readonly #failures = new Map<CallName, KernelError>();
  readonly #held = new Map<CallName, Promise<void>>();
  #listener: (event: KernelEvent) => void = () => {};

  /** Lets every call of a name fail from now on. */
  failAlways(name: CallName, errno: string, at: Partial<FailedAt> | null = null): void {
    this.fail(name, errno, at);
    this.#always.add(name);
  }

  /** Lets the next call of a name fail. */
  fail(name: CallName, errno: string, at: Partial<FailedAt> | null = null): void {
    const step = at === null ? null : ({ phase: 'boot', step: 0, signal: 0, text: '', ...at } as const);
    this.#failures.set(name, new KernelError(`do ${name}`, errno, step));
  }

  /** Holds back the answer to the next call of a name, which is done at once; gives what lets it go. */
  hold(name: CallName): () => void {
    let letGo = () => {};
    this.#held.set(name, new Promise((resolve) => (letGo = resolve)));
    return letGo;
  }

  /** The names of the calls so far that begin like this, in their order. */
  asked(...beginnings: string[]): CallName[] {
    return this.calls.map(({ name }) => name).filter((name) => beginnings.some((one) => name.startsWith(one)));
  }

  /** The handle of the last container with an id. */
  handleOf(id: string): Handle {
    return this.#handles.get(id) ?? 0;
  }

  /** Tells an event. */
  tell(event: KernelEvent): void {
    this.#listener(event);
  }

  /** Ends a container, if it lives. */
  end(handle: Handle, how: Partial<ExitEvent> = {}): void {
    if (!this.#live.delete(handle)) return;
    const row = new Float64Array(this.readings.columns.size).fill(Number.NaN);
    this.tell({ ...ENDED, handle, atNs: real.host.boottimeNs(), row, ...how });
  }

  #refusal(act: () => void): KernelError | null {
    try {
      act();
      return null;
    } catch (error) {
      if (error instanceof KernelError) return error;
      throw error;
    }
  }

  watch(listener: (event: KernelEvent) => void): void {
    this.#listener = listener;
  }

  readonly containers = this.#topic<Topics['containers']>('containers', {
    loadBootProgram: () => {},
    create: async ({ handle, id, start, stdout, stderr, logDirectory, template }): Promise<Created> => {
      this.#handles.set(id, handle);
      this.#live.set(handle, null);
      const log = { stdout, stderr, directory: logDirectory, bounds: template.log };
      const logFailure = log.bounds === null ? null : this.#refusal(() => this.logs.open(handle, log as LogRequest));
      const started = start === null ? null : this.containers.start(handle, start.lifetimeNs, start.deadline);
      started?.catch(() => {});
      return { pid: process.pid, startTicks: readStartTicks(process.pid), phases: PHASES, started, logFailure };
    },
    prepareAdoptions: async (requests) => {
      for (const request of requests) this.#adoptions.set(request.handle, request);
    },
    adopt: ({ handle }) => {
      const { id, pid, startedNs, deadline } = this.#adoptions.get(handle) ?? refuse('take over a container');
      this.#handles.set(id, handle);
      this.#live.set(handle, deadline);
      return { pid, startedNs, deadlineNs: deadline.atNs, stopping: false, endKnown: true, frozen: false };
    },
    start: async (handle, lifetimeNs, deadline): Promise<Started> => {
      const startedNs = real.host.boottimeNs();
      const deadlineNs = lifetimeNs > 0n ? startedNs + lifetimeNs : deadline.atNs;
      this.#live.set(handle, { ...deadline, atNs: deadlineNs });
      return { startedNs, deadlineNs, phases: { startQueue: 0, exec: 0 } };
    },
    setDeadline: (handle, deadline) => {
      if (!this.#live.has(handle)) return false;
      this.#live.set(handle, deadline);
      const isDue = deadline.atNs !== 0n && deadline.atNs <= real.host.boottimeNs();
      const signal = deadline.timeoutNs === 0n ? SIGKILL : deadline.signal;
      if (isDue) setImmediate(() => this.end(handle, { cause: deadline.cause, code: -1, signal }));
      return true;
    },
    signal: (handle, signal) => {
      if (!this.#live.has(handle)) throw new KernelError('send a signal', 'ESRCH');
      return signal;
    },
    kill: (handle) => void setImmediate(() => this.end(handle, { code: -1, signal: SIGKILL })),
    write: () => {},
    freeze: async () => {},
    takeInput: () => refuse('take the standard input'),
    end: async () => ({ group: true, files: true }), // it removes nothing
    release: () => {},
  });
  readonly births = this.#topic<Topics['births']>('births', {
    prepare: async () => refuse('make a group'),
    takeNetwork: () => -1,
    take: async () => refuse('take over a process'),
    undo: async () => {},
    start: (handle, lifetimeNs, deadline) => this.containers.start(handle, lifetimeNs, deadline),
    hasEnded: (handle) => !this.#live.has(handle),
    deliver: () => {},
    deliverAll: async () => {},
    enter: () => refuse('enter a container'),
    processes: async () => [],
  });
  readonly frames = this.#topic<Topics['frames']>('frames', { open: () => {}, send: () => {}, close: () => {} });
  readonly execs = this.#topic<Topics['execs']>('execs', {
    exec: async () => refuse('make a process'),
    ended: async () => ({ code: 0, signal: 0 }),
    signal: () => {},
    resize: () => {},
    hangUp: () => {},
  });
  readonly terminals = this.#topic<Topics['terminals']>('terminals', {
    open: () => 1,
    finish: async () => {},
    input: () => refuse('make a pipe'),
    resize: () => {},
  });
  readonly logs = this.#topic<Topics['logs']>('logs', { open: () => {}, watch: () => {} });
  /** On the real disk. */
  readonly records = this.#topic<Topics['records']>('records', {
    append: (file, bytes) => real.records.append(file, bytes, []),
    confirm: () => {},
  });
  readonly readings = this.#topic<Topics['readings']>('readings', {
    columns: new Map(['cpu.stat:usage_usec', 'memory.current', 'network:rx_packets'].map((name, i) => [name, i])),
    sample: (_, rows, idle) => {
      rows.fill(Number.NaN);
      idle?.fill(0);
    },
    ioStat: () => '',
    readFiles: () => null,
  });
  readonly network = this.#topic<Topics['network']>('network', {
    configure: async () => {},
    forgetFlows: async () => {},
    connectIn: async () => refuse('connect'),
    watchTable: () => {},
  });
  readonly services = this.#topic<Topics['services']>('services', {
    open: async () => 1,
    close: async () => {},
    declare: () => {},
    forget: () => {},
    change: async () => 0,
    addQueueRule: async () => {},
    held: async () => [],
    counters: async () => [],
    sockets: async () => ({ isListening: true, connections: 0 }),
  });
  readonly serviceRelay = this.#topic<Topics['serviceRelay']>('serviceRelay', {
    open: async () => 1023,
    close: async () => {},
    declare: () => {},
    forget: () => {},
    change: async () => 0,
    counts: async () => [],
  });
  readonly layers = this.#topic<Topics['layers']>('layers', {
    begin: async () => refuse('begin a layer'),
    make: async () => refuse('make a file'),
    finish: async () => {},
    setTime: async () => {},
    sync: async () => {},
    read: () => refuse('read'),
  });
  readonly keeper = this.#topic<Topics['keeper']>('keeper', {
    connect: async () => this.kept,
    isAlive: () => true,
    drop: () => {},
    hold: () => {},
    held: () => null,
  });
  readonly sockets = this.#topic<Topics['sockets']>('sockets', {
    listenAt: () => refuse('listen'),
    admitGroup: () => {},
    peer: () => refuse('tell who is there'),
    isHungUp: () => false,
    notify: () => {},
  });
  readonly host = this.#topic<Topics['host']>('host', {
    boottimeNs: real.host.boottimeNs,
    canIdmap: () => true,
    plainMount: () => -1,
    plainIdentity: () => '',
    canFilterDevices: () => true,
    groupOwner: () => '',
    knowsCall: () => true,
    compileSeccomp: () => new Uint8Array(8),
    limitOpenFiles: () => {},
    holdDirectory: () => {},
    holdFile: () => {},
  });

  /** Gives a topic each call of which is written down, and fails or waits as a test has said. */
  #topic<T extends object>(topic: string, answers: T): T {
    const asked = Object.entries(answers).map(([name, answer]) => {
      if (typeof answer !== 'function') return [name, answer];
      const call = `${topic}.${name}` as CallName;
      return [name, types.isAsyncFunction(answer) ? this.#later(call, answer) : this.#now(call, answer)];
    });
    return Object.fromEntries(asked);
  }

  #now(name: CallName, answer: (...args: unknown[]) => unknown) {
    return (...args: unknown[]) => {
      this.calls.push({ name, args });
      this.#failAsSaid(name);
      return answer(...args);
    };
  }

  #later(name: CallName, answer: (...args: unknown[]) => unknown) {
    return async (...args: unknown[]) => {
      this.calls.push({ name, args });
      const held = this.#held.get(name);
      this.#held.delete(name);
      this.#failAsSaid(name);
      const answered = await answer(...args);
      await held;
      return answered;
    };
  }

  #failAsSaid(name: CallName): void {
    const failure = this.#failures.get(name);
    if (!this.#always.has(name)) this.#failures.delete(name);
    if (failure !== undefined) throw failure;
  }
}

function refuse(act: string): never {
  throw new KernelError(act, 'ENOSYS');
}
