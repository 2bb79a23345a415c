import { Type } from 'typebox';

/** How long each part of a start took, in microseconds. The parts are in the order in which they happen. */
export type StartPhases = Record<PhaseName, number>;

export const PHASES = {
  spec: 'check the spec, resolve paths, ask for permission',
  plan: 'decide all, and look at what the host has',
  state: 'write the first state',
  encode: 'write the boot program as bytes',
  queue: 'wait for a worker thread',
  group: 'make the cgroup and write its limits',
  devices: 'attach the device filter',
  userns: 'make the user namespace',
  clone: 'clone3 with the namespaces, until the boot helper is executed',
  boot: 'the boot program up to its wait (mounts, pivot_root, identity); the statistics are opened meanwhile, its log after it',
  adopt: 'take the process over',
  startQueue: 'wait for a worker thread, again',
  exec: 'from the word to start until the workload is executed: the system call filter, exec',
} as const;

export type PhaseName = keyof typeof PHASES;

/** The parts of a start, in the form of the API. */
export const StartPhasesSchema = Type.Object(
  Object.fromEntries(
    Object.entries(PHASES).map(([name, description]) => [
      toSnakeCase(name),
      Type.Optional(Type.Integer({ description })),
    ]),
  ),
  {
    title: 'StartPhases',
    description: 'how long each part of the start took, in microseconds; a part that has not happened is left out',
  },
);

/** Gives the API's form of a name: `startQueue` becomes `start_queue`. */
export function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
