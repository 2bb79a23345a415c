import { isAbsolute } from 'node:path';
import type { Container } from '../engine/container.js';
import type { Birth } from '../engine/maker.js';
import type { OciConfig } from '../plan/oci/config.js';
import { isBind } from '../plan/oci/mounts.js';
import type { OciChoices, OciSources } from '../plan/oci/plan.js';
import { ownsMounts } from '../plan/oci/root.js';
import type { HostView } from '../plan/plan.js';
import { NiwaError } from '../protocol/errors.js';
import { agentWords } from './agent.js';
import { birthBy } from './birth.js';
import type { Connection } from './connection.js';
import { writeExact } from './exact-json.js';
import { type Place, placeOf, unusedProperties } from './group-place.js';
import { hasEarlyHooks, lateHooksOf, runHooks, runLastHooks } from './hooks.js';
import { type EncodedOciPlan, ociPlanOf } from './kept-plan.js';
import { knownConfig } from './known-config.js';
import type { BirthWord } from './messages.js';
import { afterMaking, notifyDirectory, notifySocket, withNotify } from './notify.js';
import type { Call } from './options.js';
import { execConfigOf } from './process-verbs.js';
import { checkCalls, idleAnnotations, specOf, withKeptGroups } from './spec.js';
import { startMade } from './start.js';
import { creatingState, type OciState } from './state.js';
import { type VerbParts, warningOf } from './verb-parts.js';
import { wordsOf } from './words.js';

const MOST_OF_ID = 1024;

/** @throws NiwaError SPEC_INVALID in the words that engines look for */
function requireId(id: string): void {
  const [wrong] = id === '.' || id === '..' ? [id] : (/[^\w+\-.]/.exec(id) ?? []);
  if (wrong !== undefined)
    throw new NiwaError(
      'SPEC_INVALID',
      `invalid id format: ${id}; invalid character \`${wrong}\` in the ID; allowed are 1 to ${MOST_OF_ID} of the characters a-z A-Z 0-9 _ + - .`,
    );
  if (id.length > MOST_OF_ID)
    throw new NiwaError('SPEC_INVALID', `invalid id format: it has ${id.length} characters; at most ${MOST_OF_ID}`);
}

/**
 * Makes a container up to its wait, and starts it where the command asks for that, too, as a `run` does. Gives its id
 * in niwad.
 * @throws NiwaError the errors of createBy() and startMade()
 */
export async function create(parts: VerbParts, call: Call, connection: Connection): Promise<string> {
  const { births } = parts.kernel;
  const container = await createBy(parts, call, connection, {
    isShort: true,
    bear: ({ planIn, onPause }) => birthBy(connection, births, planIn, onPause),
  });
  if (call.has('start')) await startMade(parts, container, connection, true);
  return container.id;
}

/** A container that is being made, for whoever lets the command make its first process. */
export interface Creating {
  config: OciConfig;
  sources: OciSources;
  planIn: (view: HostView) => EncodedOciPlan;
  /** To be called with the pid, as the command sees it, when hooks can run. */
  onPause: (pid: number) => Promise<void>;
}
/** How the command makes the first process. */
interface Bearer {
  /** Whether that takes a moment, where no hooks run. */
  isShort: boolean;
  bear: (creating: Creating) => Birth;
}

/**
 * Makes a container of a request with a config and a bundle.
 * @throws NiwaError SPEC_INVALID for a wrong id or config, ID_IN_USE, START_FAILED in the words that engines look for
 */
export async function createBy(
  parts: VerbParts,
  call: Call,
  connection: Connection,
  { isShort, bear }: Bearer,
): Promise<Container> {
  const id = call.argument(0, 'the id of the container');
  requireId(id);
  const tell = warningOf(connection);
  const known = knownConfig(call.needed('config'), call.capabilities, tell);
  checkCalls(known.config, (name) => parts.kernel.host.knowsCall(name), parts.honoured);
  const config = withKeptGroups(known.config, call.value('groups') ?? '', parts.honoured);
  const execConfig = config === known.config ? known.execConfig : writeExact(execConfigOf(config));
  call.requireConsole(config.process.terminal ?? false);
  const choices = choicesOf(call, id);
  const { root: rootfs } = sourcesOf(config, choices.bundle);
  const { annotations = {} } = config;
  const unused = [
    ...idleAnnotations(annotations, parts.honoured),
    ...(call.bySystemd ? unusedProperties(annotations, parts.honoured) : []),
  ];
  if (unused.length > 0) tell(unused);
  const state = creatingState({ ...choices, rootfs, annotations }, new Date());
  const giveBack = parts.names.reserve(call.root, state, isShort && !hasEarlyHooks(config));
  try {
    const manager = ownsMounts(config) ? call.value('notify') : undefined;
    const place = placeOf(parts, config, id, call.bySystemd);
    const asked = {
      choices,
      manager,
      root: call.root,
      starts: call.has('start'),
      isRemoved: isLeft(call, config, place),
    };
    return await createFrom(parts, { config, execConfig, state, place, bear, ...asked }, connection);
  } catch (error) {
    throw new NiwaError('START_FAILED', wordsOf(error, config.process.args[0]), { cause: error });
  } finally {
    giveBack();
  }
}

/**
 * Says whether a command waits for the end of a container and then leaves the rest to niwad. It does not where others
 * may look at what is left of the container: the group that the config names, or the hooks of its end.
 */
function isLeft(call: Call, { hooks = {} }: OciConfig, { group }: Place): boolean {
  const waits = call.has('foreground') && !call.has('keep');
  return waits && group === undefined && (hooks.poststop ?? []).length === 0;
}

interface Creation {
  root: string;
  config: OciConfig;
  execConfig: string;
  choices: OciChoices;
  /** Where a service manager listens that waits until the container is ready; undefined for none. */
  manager: string | undefined;
  /** What others are told of the container meanwhile. */
  state: OciState;
  place: Place;
  /** Whether the command starts it with the same request. */
  starts: boolean;
  /** Whether niwad removes it when it has ended. */
  isRemoved: boolean;
  bear: Bearer['bear'];
}

function choicesOf(call: Call, id: string): OciChoices {
  return {
    id,
    bundle: call.needed('bundle'),
    newKeyring: !call.has('no-new-keyring'),
    pivots: !call.has('no-pivot'),
    keptFds: call.count('kept-fds'),
    listenFds: call.count('listen-fds'),
  };
}

async function createFrom(parts: VerbParts, creation: Creation, connection: Connection): Promise<Container> {
  const { root, config, execConfig, choices, manager, state, place, starts, isRemoved, bear } = creation;
  const { id, bundle } = choices;
  const { annotations = {}, hooks = {} } = config;
  const lateHooks = lateHooksOf(hooks);
  const origin = {
    ...{ id, root, bundle, rootfs: state.rootfs, annotations, execConfig },
    ...(lateHooks === undefined ? {} : { lateHooks }),
    ...(place.scope === undefined ? {} : { scope: place.scope }),
  };
  const own = { hooks, subject: { id, bundle, annotations } };
  let isBegun = false;
  const onPause = async (pid: number) => {
    state.pid = pid;
    for (const point of ['prestart', 'createRuntime'] as const) await runHooks(connection, point, own, pid);
  };
  const orderOf = (free: string) => {
    const spec = {
      ...specOf(free, config, origin, parts.honoured),
      ...(isRemoved ? { autoRemove: true } : {}),
    };
    const agent = agentWords(config.linux?.seccomp, { ...origin, status: 'creating', pid: null });
    const directory = notifyDirectory(parts.runtime.directoryOf(free));
    const told = wordsOfRun(isRemoved, starts && manager !== undefined ? directory : undefined);
    const planned = manager === undefined ? config : withNotify(config, directory, manager);
    const sources = { ...sourcesOf(planned, bundle), ...(place.group === undefined ? {} : { group: place.group }) };
    const planIn = (view: HostView) => {
      const plan = ociPlanOf(free, planned, view, sources, spec.resources, choices);
      isBegun = true;
      return { ...plan, words: [...plan.words, ...agent, ...told] };
    };
    const birth = bear({ config: planned, sources, planIn, onPause });
    return { spec, birth: manager === undefined ? birth : afterMaking(directory, birth), starts };
  };
  try {
    const container = await parts.runtime.createBorn(orderOf);
    parts.names.add(container);
    parts.lateHooks.add(container);
    return container;
  } catch (error) {
    if (isBegun) await runLastHooks(connection, own, parts.log);
    throw error;
  }
}

/** Gives what the command of a run is told: to leave the end to niwad, and where it listens for the container. Pure. */
function wordsOfRun(isRemoved: boolean, notify: string | undefined): BirthWord[] {
  const removed: BirthWord[] = isRemoved ? [['removed', '']] : [];
  return notify === undefined ? removed : [...removed, ['notify', notifySocket(notify)]];
}

/** Gives the paths of the root and of the bind sources, from `/` on. */
function sourcesOf({ root, mounts = [] }: OciConfig, bundle: string): OciSources {
  const whole = (path: string) => (isAbsolute(path) ? path : `${bundle}/${path}`);
  return {
    root: whole(root.path),
    mounts: mounts.map((item) => (isBind(item) && item.source !== undefined ? whole(item.source) : undefined)),
  };
}
