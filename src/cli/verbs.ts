import { parseArgs } from 'node:util';
import { NiwaError } from '../protocol/errors.js';
import { show } from '../spec/problems.js';

/**
 * Verbs of Docker, Podman and LXD that niwa does not have. Some mean the same as words of niwa, and are read as these;
 * for the others niwa says what to type. Pure.
 */

/** The verbs that mean the same as words of niwa. A verb of an empty list is left out: `container ls` is `ls`. */
const SAME: Readonly<Record<string, readonly string[]>> = {
  container: [],
  delete: ['rm'],
  images: ['image', 'ls'],
  list: ['ps'],
  ls: ['ps'],
  monitor: ['events'],
  pull: ['image', 'pull'],
  remove: ['rm'],
  rmi: ['image', 'rm'],
  save: ['image', 'save'],
  tag: ['image', 'tag'],
  unpause: ['resume'],
  'image delete': ['image', 'rm'],
  'image list': ['image', 'ls'],
  'image remove': ['image', 'rm'],
  'image show': ['image', 'inspect'],
  'volume list': ['volume', 'ls'],
  'volume remove': ['volume', 'rm'],
  'volume delete': ['volume', 'rm'],
  'pool remove': ['pool', 'rm'],
  'pool delete': ['pool', 'rm'],
  'pool start': ['pool', 'run'],
};

const NO_BUILD =
  'niwa builds no images: build with docker, podman or buildah, then niwa image import or niwa image pull';
const NO_PUSH =
  'niwa sends nothing to registries: niwa image save NAME | skopeo copy oci-archive:/dev/stdin docker://...';
const NO_COMMIT =
  'niwa makes no image of a container: keep what it writes in a volume (-v NAME:/path), or in root.overlay.directory';
const NO_LOGIN = 'skopeo login REGISTRY keeps the password that niwa image pull uses';
const NO_NETWORK =
  'the node has one bridge: -p publishes ports, --network-group lets containers reach each other, see docs/network.md';
const NO_SNAPSHOT = 'niwa has no snapshots: keep what is to stay in a volume (-v NAME:/path), and copy that';
const SPEC_FILES = 'niwa service apply FILE takes services, niwa run -f FILE a container';

/** What to type in place of the other verbs. */
const HINTS: Readonly<Record<string, string>> = {
  build: NO_BUILD,
  buildx: NO_BUILD,
  commit: NO_COMMIT,
  compose: SPEC_FILES,
  config: 'niwa update ID changes limits, niwa inspect ID shows the spec; others are given when a container is created',
  console: 'niwa attach ID',
  copy: NO_SNAPSHOT,
  df: 'niwa image ls and niwa volume ls show sizes, niwa usage what containers used',
  diff: 'niwa does not compare a root with its image; niwa exec ID find / -xdev -newer FILE shows what changed',
  export: 'niwa cp ID:/ - writes the files of a container as a tar',
  file: 'niwa cp FILE ID:PATH and niwa cp ID:PATH FILE',
  generate: SPEC_FILES,
  healthcheck: 'ready in the spec is the check, niwa wait --ready ID waits for it, see docs/spec.md',
  history: 'niwa image inspect NAME shows the layers of an image',
  kube: SPEC_FILES,
  launch: 'niwa run -d --image IMAGE --name ID',
  load: 'niwa image import FILE, or - for standard input',
  import:
    'niwa image import FILE takes what docker save writes; a directory of files needs no image: niwa run --root DIR',
  login: NO_LOGIN,
  logout: 'skopeo logout REGISTRY',
  machine: 'niwa has no virtual machines: niwad runs on this host',
  mount: 'niwa cp copies files; the root of a running container is /proc/PID/root for root',
  move: NO_SNAPSHOT,
  network: NO_NETWORK,
  play: SPEC_FILES,
  pod: 'niwa run --network container:ID shares the network of a container; a service has several instances',
  profile: 'niwa run -f FILE takes a spec from a file; defaults of niwad are in its configuration',
  project: 'owner and label sort containers: niwa run --owner alice, niwa ps --owner alice',
  publish: NO_COMMIT,
  push: NO_PUSH,
  rename:
    'an id names the group, the logs and the bill of a container, so it stays: niwa run --name NEW makes another one',
  restore: NO_SNAPSHOT,
  checkpoint: NO_SNAPSHOT,
  search: 'niwa does not ask registries for names: look at the page of the registry',
  shell: 'niwa exec -it ID sh',
  snapshot: NO_SNAPSHOT,
  stack: SPEC_FILES,
  storage: 'niwa volume ls and niwa image ls show what niwad keeps',
  swarm: 'niwa is for one node',
  system:
    'niwa prune removes ended containers, niwa image prune and niwa volume prune what nothing uses, niwa doctor checks the host',
  'image build': NO_BUILD,
  'image history': 'niwa image inspect NAME shows its layers',
  'image load': 'niwa image import FILE, or - for standard input',
  'image push': NO_PUSH,
  'image export': 'niwa image save NAME -o FILE',
  'image copy': 'niwa image tag NAME NEW gives a second name, niwa image save NAME a file',
  'pool update': 'niwa pool create NAME changes a pool that there is',
  'pool scale': 'niwa pool create NAME --ahead N changes how many are ready',
  'volume update': 'a volume has nothing to change',
  'service ps': 'niwa ps --service NAME lists the instances of a service, niwa service ls all services',
  'service create': 'niwa service apply FILE creates a service',
  'service run': 'niwa service apply FILE creates a service',
  'service update': 'niwa service apply FILE changes a service',
  'service start': 'niwa service wake NAME starts an instance',
  'service stop':
    'niwa service scale NAME 0 ends all instances and refuses requests, niwa service scale NAME auto takes them again',
  'service restart': 'niwa stop ID ends an instance, a request or the service itself starts the next one',
  'service status': 'niwa service inspect NAME shows one service, niwa service ls all',
};

/** Gives what to type in place of a verb, or of `GROUP VERB`; undefined where nothing is known of it. */
export function hintFor(verb: string): string | undefined {
  return Object.hasOwn(HINTS, verb) ? HINTS[verb] : undefined;
}

/**
 * Writes a command line in niwa's own words.
 * @param argv without node and the script
 * @param isKnown whether niwa has a command of this name; its own commands come first
 * @throws NiwaError SPEC_INVALID with what to type, for a verb that niwa does not have
 */
export function inOwnWords(argv: readonly string[], isKnown: (command: string) => boolean): string[] {
  const at = firstWord(argv);
  const [verb, next] = [argv[at], argv[at + 1]];
  const before = argv.slice(0, at);
  if (verb === undefined) return before.map((word) => (word === '-v' ? '--version' : word));
  if (verb === 'help') return inOwnWords([...before, ...argv.slice(at + 1), '--help'], isKnown);
  const two = next === undefined ? undefined : ownOf(`${verb} ${next}`);
  if (two !== undefined) return [...before, ...two, ...argv.slice(at + 2)];
  const one = isKnown(verb) ? undefined : ownOf(verb);
  if (one !== undefined) return inOwnWords([...before, ...one, ...argv.slice(at + 1)], isKnown);
  const hint = isKnown(verb) ? undefined : hintFor(verb);
  if (hint !== undefined) throw new NiwaError('SPEC_INVALID', `niwa has no command ${show(verb)}: ${hint}`);
  return [...argv];
}

function ownOf(verb: string): readonly string[] | undefined {
  return Object.hasOwn(SAME, verb) ? SAME[verb] : undefined;
}

/** Gives the place of the command; behind the end where there is none. */
function firstWord(argv: readonly string[]): number {
  const options = { socket: { type: 'string' as const }, json: { type: 'boolean' as const } };
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  return tokens.find(({ kind }) => kind === 'positional')?.index ?? argv.length;
}
