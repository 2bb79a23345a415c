import type { ContainerStatus, State } from '../protocol/container.js';
import type { BindMount } from '../protocol/resolved-spec.js';
import { statusOfExit } from './exit-codes.js';
import { networkWords } from './network-text.js';
import { toCount, wrong } from './values.js';

/** The fields of a status that filters need. */
export const FILTERED = ['id', 'state', 'exit', 'restarts', 'image', 'network', 'oci', 'spec'] as const;
export type Filtered = Pick<ContainerStatus, (typeof FILTERED)[number]>;

const STATES: Record<State, true> = { created: true, running: true, paused: true, stopping: true, exited: true };
/** The words for states that --state and --filter status= take. */
export const STATE_WORDS = [...Object.keys(STATES), 'live', 'restarting'] as (State | 'live' | 'restarting')[];

type Test = (of: Filtered) => boolean;

/** For each filter of `--filter NAME=VALUE`, how a value becomes a test. The names are those of `docker ps`. */
const FILTERS: Record<string, (value: string) => Test> = {
  id:
    (value) =>
    ({ id, oci }) =>
      id.startsWith(value) || (oci?.id.startsWith(value) ?? false),
  name:
    (value) =>
    ({ id }) =>
      id.includes(value),
  status: (value) => hasState(value, '--filter status'),
  exited: (value) => {
    const code = toCount('--filter exited', value, 0);
    return ({ exit }) => exit !== null && statusOfExit(exit) === code;
  },
  label: (value) => {
    const [, name = '', wanted] = /^([^=]*)(?:=(.*))?$/s.exec(value) ?? [];
    return ({ spec: { labels } }) => Object.hasOwn(labels, name) && (wanted === undefined || labels[name] === wanted);
  },
  owner:
    (value) =>
    ({ spec }) =>
      spec.owner === value,
  service:
    (value) =>
    ({ spec }) =>
      spec.service?.name === value,
  ancestor:
    (value) =>
    ({ image }) =>
      image !== null && isImage(value, image),
  network: (value) => (of) => networkWords(of).includes(value),
  volume:
    (value) =>
    ({ spec: { mounts } }) =>
      mounts.some((mount) => mount.target === value || (mount.type === 'bind' && sourcesOf(mount).includes(value))),
  publish: (value) => {
    const port = toCount('--filter publish', value, 1);
    return ({ spec: { network } }) => network?.ports.some(({ host }) => host === port) ?? false;
  },
};

/**
 * Makes a test of `NAME=VALUE` texts, as `docker ps --filter` takes them: of several values of one name one has to fit,
 * but all labels.
 * @throws NiwaError SPEC_INVALID for an unknown name or value
 */
export function parseFilters(texts: readonly string[]): Test {
  const tests = new Map<string, Test[]>();
  for (const text of texts) {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
    const make = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
    if (make === undefined)
      wrong('--filter', text, `NAME=VALUE with one of the names ${Object.keys(FILTERS).join(', ')}`);
    const key = name === 'label' ? text : name;
    tests.set(key, [...(tests.get(key) ?? []), make(value)]);
  }
  return (of) => [...tests.values()].every((some) => some.some((test) => test(of)));
}

/**
 * Makes a test of a state; of `live` for all but exited, of `restarting` for those that wait for their restart.
 * @throws NiwaError SPEC_INVALID
 */
export function hasState(value: string, flag: string): Test {
  if (!STATE_WORDS.some((word) => word === value)) wrong(flag, value, STATE_WORDS.join(', '));
  if (value === 'restarting') return ({ restarts }) => restarts.next_at !== null;
  return ({ state }) => (value === 'live' ? state !== 'exited' : state === value);
}

/** The path on the host, and the name of a volume. */
function sourcesOf({ source, volume }: BindMount): string[] {
  return volume === undefined ? [source] : [source, volume.name];
}

/** An image is meant by its name, with the tag "latest" where none is given, or by the beginning of its id. */
function isImage(value: string, { name, id }: NonNullable<ContainerStatus['image']>): boolean {
  const digits = value.replace(/^sha256:/, '');
  const isId = /^[0-9a-f]{6,64}$/.test(digits) && id.replace(/^sha256:/, '').startsWith(digits);
  return isId || name === value || name === `${value}:latest`;
}
