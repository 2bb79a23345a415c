/**
 * What to write in place of options that Docker and Podman have and niwa does not: by the long name, or by the letter
 * of the short one.
 */

const BOTH_OUTPUTS = '`niwa run` shows both outputs; -i passes standard input, `niwa attach ID` comes back later';
const CHECKS =
  'a readiness check is --ready tcp:PORT or http:PORT/PATH; a service replaces sick instances (`niwa service`)';
const LOGS = 'the logs of all containers are kept by niwad, with the bounds of `logs` in niwad.yaml: see `niwa logs`';
const QUOTA = 'write --cpus 0.5 for half of a processor, which is the quota divided by the period';
const DISKS = 'write --io-rbps or --io-wbps DEVICE:RATE; operations a second are resources.io in a spec file';
const ALL_PORTS = 'name each port: -p 80 takes a free port of the host, -p 8080:80 this one';
const NAMES = 'containers of one --network-group resolve each other by their ids, so choose --name';
const PULL = 'images are pulled before: niwa image pull NAME';
const ONE_PLATFORM = 'an image has the architecture of this host: niwa image pull takes that one';
const OTHER_DRIVERS = 'mount the file system on the host, and write -v SOURCE:TARGET';
const SMALL = 'niwa does not have this limit';

/** The options of `niwa run`, `create` and `plan` that other programs have. */
const SPEC_HINTS: Readonly<Record<string, string>> = {
  a: BOTH_OUTPUTS,
  attach: BOTH_OUTPUTS,
  annotation: 'write --label NAME=VALUE',
  'blkio-weight': DISKS,
  'cgroup-parent': 'all containers are below the one group that `cgroup` in niwad.yaml names',
  cidfile: 'the id is what --name says, and what `niwa run -d` prints: id=$(niwa run -d ...)',
  'cpu-period': QUOTA,
  'cpu-quota': QUOTA,
  'cpuset-mems': SMALL,
  'device-cgroup-rule': 'name each device: --device /dev/fuse',
  'device-read-bps': DISKS,
  'device-read-iops': DISKS,
  'device-write-bps': DISKS,
  'device-write-iops': DISKS,
  domainname: 'write --sysctl kernel.domainname=NAME',
  expose: 'every port of a container is open to its --network-group; -p publishes one on the host',
  gpus: 'name the device files of the GPU: --device /dev/nvidia0 --device /dev/nvidiactl, and mount the libraries',
  'group-add':
    'the process has the groups of its user in /etc/group of the root; --user USER:GROUP names the first one',
  'health-cmd': CHECKS,
  'health-interval': CHECKS,
  'health-retries': CHECKS,
  'health-start-period': CHECKS,
  'health-timeout': CHECKS,
  ip6: 'the IPv6 address follows from the IPv4 address: --ip ADDRESS',
  isolation: 'there is one kind of containers',
  'kernel-memory': 'the memory of the kernel counts into --memory',
  link: NAMES,
  'log-driver': LOGS,
  'log-opt': LOGS,
  'mac-address': 'the MAC address follows from the IP address, and no container can take another one',
  'memory-swappiness': 'write --memory-swap, or resources.memory.swapMax in a spec file',
  net: 'write --network',
  'network-alias': NAMES,
  'no-healthcheck': 'niwa runs no check unless --ready asks for one',
  'oom-kill-disable':
    'a container that is out of memory ends; --memory-reservation and resources.memory.high come before',
  P: ALL_PORTS,
  platform: ONE_PLATFORM,
  pod: 'containers share a network by --network container:ID',
  privileged:
    'name what is needed: --cap-add, --device, --security-opt seccomp=unconfined, --userns host, --network host, --pid host',
  'publish-all': ALL_PORTS,
  pull: PULL,
  q: PULL,
  quiet: PULL,
  replace: 'write niwa rm -f NAME before',
  runtime: 'niwad is the runtime',
  'sig-proxy': '`niwa run` passes on its signals always',
  'stop-time': 'write --stop-timeout',
  'storage-opt': 'write root: {overlay: {size: 1G}} in a spec file',
  'tls-verify': PULL,
  'volume-driver': OTHER_DRIVERS,
  'volumes-from': 'write -v SOURCE:TARGET for each volume again',
};

const AS_JSON = 'write --json: jq chooses the fields';
const ALL_LIVE = 'all live containers are shown; ids choose some of them';
const OTHER_KINDS = 'niwa image inspect, niwa volume inspect and niwa service inspect show what is no container';
const FILES_UNCOUNTED = 'niwa does not count the files of a root; niwa image ls and niwa volume ls show sizes';
const EVENT_FILTERS = 'write --type exit, --label NAME=VALUE, --owner NAME, or ids behind the options';
const OTHER_PRUNES = 'niwa image prune and niwa volume prune remove images and volumes that nothing uses';
const VOLUMES_STAY = 'named volumes stay until niwa volume rm NAME or niwa volume prune';
const OUTPUT_OF_START = 'niwa logs -f ID shows the output, niwa attach ID writes to the container, too';
const ALL_IMAGES = 'niwa image ls shows all images, niwa image prune removes all that nothing uses';
const NAMED_IMAGES = 'niwa image ls --json shows all images, niwa image prune removes those that nothing uses';
const UNUSED_VOLUMES = 'niwa volume ls shows who uses each volume, niwa volume prune removes those that nothing uses';
const STOP_TIME = 'write --timeout, or -t';

/** The options of the other commands, by the name of the command. */
const HINTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  events: { f: EVENT_FILTERS, filter: EVENT_FILTERS, format: AS_JSON },
  exec: {
    'env-file': 'write -e NAME=VALUE for each variable',
    privileged: 'name what is needed: --cap-add NAME, --seccomp unconfined',
  },
  image: {
    a: ALL_IMAGES,
    all: ALL_IMAGES,
    'all-tags': 'name each tag',
    filter: NAMED_IMAGES,
    format: AS_JSON,
    'no-trunc': 'niwa image ls --json has the whole ids',
    platform: ONE_PLATFORM,
  },
  inspect: { s: FILES_UNCOUNTED, size: FILES_UNCOUNTED, type: OTHER_KINDS },
  logs: { details: 'niwa inspect ID shows labels and variables' },
  prune: { a: OTHER_PRUNES, all: OTHER_PRUNES, volumes: OTHER_PRUNES },
  ps: { s: FILES_UNCOUNTED, size: FILES_UNCOUNTED },
  restart: { time: STOP_TIME },
  rm: {
    a: 'niwa prune removes all that have ended',
    all: 'niwa prune removes all that have ended',
    v: VOLUMES_STAY,
    volumes: VOLUMES_STAY,
  },
  start: { a: OUTPUT_OF_START, attach: OUTPUT_OF_START, i: OUTPUT_OF_START, interactive: OUTPUT_OF_START },
  stats: { a: ALL_LIVE, all: ALL_LIVE, format: AS_JSON, 'no-trunc': 'nothing is cut' },
  stop: { a: 'name each: niwa stop $(niwa ps -q)', all: 'name each: niwa stop $(niwa ps -q)', time: STOP_TIME },
  update: { restart: 'the policy is given when a container is created; niwa stop ID ends its restarts' },
  volume: {
    d: OTHER_DRIVERS,
    driver: OTHER_DRIVERS,
    filter: UNUSED_VOLUMES,
    format: AS_JSON,
    o: OTHER_DRIVERS,
    opt: OTHER_DRIVERS,
  },
};

/**
 * Gives what to write in place of the options that a command does not have.
 * @param command its name
 * @param makesSpecs whether its options make a spec, as those of `niwa run`
 */
export function hintsFor(command: string, makesSpecs: boolean): Readonly<Record<string, string>> {
  return makesSpecs ? SPEC_HINTS : Object.hasOwn(HINTS, command) ? (HINTS[command] ?? {}) : {};
}
