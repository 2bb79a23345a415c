import { raw } from './kernel/addon.js';
import type * as containers from './kernel/containers.js';
import { type Deadline, type Handle, newHandle, type Started } from './kernel/containers.js';
import { errnoName, KernelError } from './kernel/errors.js';
import type { ExecHandle, ExecRequest, Executed } from './kernel/execs.js';

/** What src/containers and src/engine still ask of the addon itself, with errnos; src/kernel takes its place. */

export type { Deadline, ExitEvent, Handle, Started } from './kernel/containers.js';
export { errnoName };

export interface Failure {
  phase: 'group' | 'devices' | 'userns' | 'image' | 'clone' | 'boot' | 'network';
  step: number;
  errno: number;
  signal: number;
  text?: string;
}

export type CreateRequest = Omit<containers.CreateRequest, 'handle'>;
export type Adopted = containers.Adopted & { handle: Handle };

export interface Created {
  handle: Handle;
  pid: number;
  phases: containers.Created['phases'];
  started: Started | Failure | null;
}

export interface Native {
  readonly columns: string[];
  create(request: CreateRequest): Promise<Created | Failure>;
  adopt(request: Omit<containers.AdoptRequest, 'handle'>): Adopted | number;
  start(handle: Handle, lifetimeNs: bigint, deadline: Deadline): Promise<Started | Failure>;
  setDeadline(handle: Handle, deadline: Deadline): boolean;
  signal(handle: Handle, signal: number): number;
  kill(handle: Handle): number;
  write(handle: Handle, file: string, value: string): number;
  freeze(handle: Handle, frozen: boolean, timeoutMs: number): Promise<number>;
  sample(handles: Uint32Array, rows: Float64Array): void;
  ioStat(handle: Handle): string;
  drainLog(handle: Handle): Promise<number>;
  release(handle: Handle): void;
  keeperConnect(socket: string): Promise<string[] | number>;
  keeperAlive(): boolean;
  keeperDrop(id: string): void;
  canFilterDevices(): boolean;
  boottimeNs(): bigint;
  exec(handle: Handle, request: ExecRequest): Promise<Executed | Failure>;
  execEnded(exec: ExecHandle): Promise<{ code: number; signal: number }>;
  execSignal(exec: ExecHandle, signal: number): number;
  execResize(exec: ExecHandle, rows: number, columns: number): number;
  execHangUp(exec: ExecHandle): void;
  openTerminal(handle: Handle, fifo: string): number;
  finishTerminal(copy: number): Promise<void>;
  terminalInput(handle: Handle): number;
  resizeTerminal(handle: Handle, rows: number, columns: number): number;
}

/** Whether the answer of the addon is a failure. */
export function isFailure(result: object): result is Failure {
  return 'phase' in result;
}

export function toError({ errno, text = '', ...at }: Failure): KernelError {
  return new KernelError('start', errnoName(errno), { ...at, text });
}

const addon = raw as Native;

export const native: Native = {
  ...addon,
  create: async (request) => {
    const handle = newHandle();
    const made = await addon.create({ ...request, handle } as CreateRequest);
    return isFailure(made) ? made : { ...made, handle };
  },
  adopt: (request) => {
    const handle = newHandle();
    const adopted = addon.adopt({ ...request, handle } as typeof request);
    return typeof adopted === 'number' ? adopted : { ...adopted, handle };
  },
};
