import { type Static, Type } from 'typebox';
import { Mount, Root } from './spec/files.js';
import { Hooks, Ready } from './spec/hooks.js';
import { Namespaces, Userns } from './spec/namespaces.js';
import { NetworkSchema } from './spec/network.js';
import { Capabilities, Process, Rlimits } from './spec/process.js';
import { Resources } from './spec/resources.js';
import { RestartSchema } from './spec/restart.js';
import { Seccomp, type ShownSeccompProfile } from './spec/seccomp.js';
import { Sysctls } from './spec/sysctls.js';
import { closed, Duration, Id, integer, Signal, TmpfsBytes } from './spec/values.js';

/**
 * The spec of a container as a user writes it. This one schema gives the validation, the types and the OpenAPI
 * document. Its parts are in spec/.
 */

const LabelValue = Type.String({ maxLength: 4096, description: 'a string of at most 4096 characters' });

/** The whole spec of a container. */
export const SpecSchema = Type.Object(
  {
    id: Type.Optional(Id),
    process: Type.Optional(Process),
    root: Type.Optional(Root),
    hostname: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$',
        description: 'a host name of 1 to 64 letters, digits, points and hyphens',
      }),
    ),
    mounts: Type.Optional(Type.Array(Mount, { maxItems: 1000, description: 'a list of mounts' })),
    namespaces: Type.Optional(Namespaces),
    network: Type.Optional(NetworkSchema),
    resources: Type.Optional(Resources),
    rlimits: Type.Optional(Rlimits),
    capabilities: Type.Optional(Capabilities),
    userns: Type.Optional(Userns),
    seccomp: Type.Optional(Seccomp),
    devices: Type.Optional(
      Type.Array(
        Type.String({ pattern: '^/dev/[^\\u0000]+$', description: 'a device of the host such as "/dev/fuse"' }),
        {
          maxItems: 100,
          description: 'a list of devices beside the usual ones',
        },
      ),
    ),
    shmSize: Type.Optional(TmpfsBytes),
    sysctls: Type.Optional(Sysctls),
    lifetime: Type.Optional(Duration),
    jitter: Type.Optional(Duration),
    stopSignal: Type.Optional(Signal),
    stopTimeout: Type.Optional(Duration),
    init: Type.Optional(Type.Boolean({ description: 'true or false' })),
    autoRemove: Type.Optional(Type.Boolean({ description: 'true or false' })),
    restart: Type.Optional(RestartSchema),
    labels: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$' }), LabelValue, {
        ...closed,
        description:
          'an object of names (up to 128 letters, digits, _ . / -, the first a letter or digit) and string values',
      }),
    ),
    owner: Type.Optional(
      Type.String({
        pattern: '^[^\\u0000-\\u001f]{1,128}$',
        description: '1 to 128 characters, no control characters',
      }),
    ),
    oomScoreAdj: Type.Optional(integer(-1000, 1000, 'the preference of the OOM killer')),
    hooks: Type.Optional(Hooks),
    ready: Type.Optional(Ready),
  },
  {
    ...closed,
    title: 'SpecInput',
    examples: [
      {
        id: 'web',
        process: { args: ['sleep', '60'], env: { LANG: 'C.UTF-8' } },
        resources: { memory: { max: '256M' }, cpu: { max: 0.5 } },
        lifetime: '1h',
        labels: { customer: 'ann' },
      },
    ],
  },
);

type Written = Static<typeof SpecSchema>;
/** A spec as a user writes it. */
export type SpecInput = Omit<Written, 'process'> & { process?: Written['process'] | undefined };
/** Hooks as a user writes them. */
export type HooksInput = Static<typeof Hooks>;
/** Limits as a user writes them. */
export type ResourcesInput = Static<typeof Resources>;
/** A seccomp profile as a user writes it, or an engine. */
export type SeccompProfileInput = Static<typeof ShownSeccompProfile>;
/** The network of a container as a user writes it. */
export type NetworkInput = Static<typeof NetworkSchema>;
