import { type Static, type TObject, type TSchema, Type } from 'typebox';
import { ExitSchema } from '../protocol/container.js';
import { NiwaError } from '../protocol/errors.js';
import { fits, problemsOf } from '../spec/check.js';
import { signalNumber } from '../spec/signals.js';

/**
 * The fields that a saved state must have before niwad acts on it. Unknown fields are allowed, and fields that are only
 * displayed are not checked, because an older or newer niwad may have written the state.
 */

export const STATE_VERSION = 1;
/** Fields of a state that an earlier niwad did not know. */
const STATE_DEFAULTS = { ready: null, hooksDone: true, lease: null, isDumped: false };
/** Fields of a spec that an earlier niwad did not know. */
const SPEC_DEFAULTS = { hooks: {}, ready: null, service: null };

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const texts = Type.Record(Type.String(), Type.String());
const SHOWN_PROBLEMS = 3;
const Whole = Type.Integer({ minimum: 0 });
const Usec = Type.Number({ minimum: 0 });
const Time = Type.Refine(Type.String(), (text) => !Number.isNaN(Date.parse(text)));
/** An unsigned integer of 64 bits. */
const BigNumber = Type.String({ pattern: '^[0-9]{1,20}$' });
const Ids = Type.Array(Type.Object({ container: Whole, host: Whole, size: Whole }));
const IdMaps = Type.Object({ uids: Ids, gids: Ids });
const Program = Type.Object({ file: Type.String(), args: Type.Array(Type.String()), env: texts, timeoutUsec: Usec });
const Resources = Type.Object({
  cpu: Type.Object({}),
  memory: Type.Object({}),
  io: Type.Array(Type.Object({ device: Type.String() })),
});

/** The fields of a spec that niwad uses after the container was made. */
export const SavedSpecSchema = Type.Object({
  id: Type.String(),
  process: Type.Object({
    args: Type.Array(Type.String(), { minItems: 1 }),
    env: texts,
    cwd: Type.String(),
    uid: Whole,
    gid: Whole,
    umask: Whole,
    tty: Type.Boolean(),
    stdin: Type.Optional(Type.Boolean()),
  }),
  root: Type.Object({
    path: nullable(Type.String()),
    layers: Type.Array(Type.String()),
    overlay: nullable(Type.Object({ directory: nullable(Type.String()), sizeBytes: nullable(Whole) })),
  }),
  hostname: nullable(Type.String()),
  mounts: Type.Array(Type.Object({ target: Type.String() })),
  namespaces: texts,
  network: nullable(
    Type.Object({
      address: nullable(Type.String()),
      ports: Type.Array(Type.Object({ protocol: Type.String(), host: Whole, container: Whole })),
      group: nullable(Type.String()),
      dns: Type.Object({ servers: nullable(Type.Array(Type.String())) }),
      hosts: texts,
    }),
  ),
  resources: Resources,
  capabilities: Type.Array(Type.String()),
  diskIds: Type.Optional(IdMaps),
  devices: Type.Array(Type.String()),
  lifetimeUsec: nullable(Usec),
  jitterUsec: Usec,
  stopSignal: Type.Refine(Type.String({ description: 'a signal' }), (name) => signalNumber(name) !== undefined),
  stopTimeoutUsec: Usec,
  init: Type.Boolean(),
  labels: texts,
  owner: nullable(Type.String()),
  restart: Type.Optional(
    Type.Object({
      policy: Type.Enum(['on-failure', 'always', 'unless-stopped']),
      backoff: Type.Object({ minUsec: Usec, maxUsec: Usec }),
      max: nullable(Whole),
    }),
  ),
  hooks: Type.Record(Type.String(), Type.Array(Program)),
  ready: nullable(Type.Object({ check: Type.Object({ type: Type.String() }), everyUsec: Usec, timeoutUsec: Usec })),
  service: nullable(Type.Object({ name: Type.String(), revision: Whole })),
  oci: Type.Optional(
    Type.Object({
      id: Type.String(),
      root: Type.String(),
      bundle: Type.String(),
      rootfs: Type.String(),
      annotations: texts,
      execConfig: Type.String(),
      lateHooks: Type.Optional(Type.String()),
      scope: Type.Optional(
        Type.Object({ unit: Type.String(), slice: Type.String(), properties: Type.Optional(texts) }),
      ),
    }),
  ),
});

/** A saved state, see SavedState. */
export const SavedStateSchema = Type.Object({
  bootId: Type.String(),
  run: Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' }),
  phase: Type.Union(['making', 'created', 'started', 'exited'].map((phase) => Type.Literal(phase))),
  spec: SavedSpecSchema,
  planned: Type.Optional(nullable(Type.Object({ resources: Resources }))),
  cgroup: Type.String({ pattern: '^/' }),
  userns: nullable(IdMaps),
  idRange: nullable(Type.Object({ start: Whole, size: Whole })),
  lease: nullable(
    Type.Object({
      bridge: Type.String(),
      device: Type.String(),
      address: Type.String(),
      address6: nullable(Type.String()),
      mac: Type.String(),
      hostMac: Type.String(),
    }),
  ),
  pid: Whole,
  startTicks: BigNumber,
  createdAt: Time,
  startedAt: nullable(Time),
  startedNs: BigNumber,
  deadlineNs: BigNumber,
  sentSignal: Type.Integer({ minimum: 0, maximum: 64 }),
  isDumped: Type.Boolean(),
  outlivedOomKills: Type.Optional(Whole),
  memory: nullable(Type.Object({ byteSeconds: Usec, usec: Usec, bytes: nullable(Usec) })),
  usage: nullable(Type.Object({ cpu: Type.Object({}) })),
  exit: nullable(ExitSchema),
  runs: Type.Optional(
    Type.Object({
      author: nullable(Type.Object({ uid: Whole, gid: Whole, isListed: Type.Boolean() })),
      earlier: Whole,
      inRow: Whole,
      isStopped: Type.Boolean(),
      isMadeAhead: Type.Optional(Type.Boolean()),
    }),
  ),
  ready: nullable(Type.Object({ state: Type.String(), at: nullable(Time) })),
  hooksDone: Type.Boolean(),
  hookTries: Type.Optional(Whole),
});

/**
 * Tells what is wrong with the state of the container `id`; null if nothing is. The schema is compiled at once: a niwad
 * that starts has many states to check, and nearly all are whole.
 */
export function savedStateProblem(id: string, value: unknown): string | null {
  if (!fits(SavedStateSchema, value)) {
    const problems = problemsOf(SavedStateSchema, value);
    const words = problems.map(({ path, found, allowed }) => `${path}: found ${found}, not ${allowed}`);
    return words.slice(0, SHOWN_PROBLEMS).join('; ');
  }
  const named = (value as Static<typeof SavedStateSchema>).spec.id;
  return named === id ? null : `it is that of container ${named}`;
}

/**
 * Adds the default values of fields that an earlier niwad did not write. The value itself is changed: a niwad that
 * starts has many, and copies of them would be much garbage.
 * @throws NiwaError HOST_ERROR for a state that a newer niwad wrote
 */
export function withDefaults(id: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const saved = value as { version?: unknown; spec?: unknown };
  const { version, spec } = saved;
  if (Number.isInteger(version) && Number(version) > STATE_VERSION)
    throw new NiwaError(
      'HOST_ERROR',
      `the state of container ${id} is of version ${version}, this niwad knows ${STATE_VERSION}: start the niwad that wrote it, and drain it first`,
    );
  saved.version = undefined; // not a part of the state, and quicker than to delete it
  addMissing(saved, STATE_DEFAULTS);
  if (typeof spec === 'object' && spec !== null) addMissing(spec, SPEC_DEFAULTS);
  return saved;
}

function addMissing(value: object, defaults: Readonly<Record<string, unknown>>): void {
  for (const name in defaults) if (!Object.hasOwn(value, name)) Object.assign(value, { [name]: defaults[name] });
}

/** Gives the fields of a value that match their part of a schema; none if the value is not an object. */
export function fittingFields<T extends TObject>(schema: T, value: unknown): Partial<Static<T>> {
  if (typeof value !== 'object' || value === null) return {};
  const fits = ([name, field]: [string, unknown]) => {
    const part = schema.properties[name];
    return part === undefined || problemsOf(part, field).length === 0;
  };
  return Object.fromEntries(Object.entries(value).filter(fits)) as Partial<Static<T>>;
}
