import type { HooksInput, SeccompProfileInput } from './spec.js';

export type NamespaceName = 'mount' | 'pid' | 'network' | 'ipc' | 'uts' | 'cgroup';

/**
 * Whether files keep the container's own ids on the host: "auto" where their file system can do that, which turns out to be
 * true or "unsupported". Always false without a user namespace.
 */
export type Idmap = boolean | 'auto' | 'unsupported';

/** Whether mounts that the host makes below the source later appear inside ("rslave"). */
export type Propagation = 'private' | 'rslave';

export interface BindMount {
  type: 'bind';
  source: string;
  target: string;
  readonly: boolean;
  /** Maps of its own say which id on disk (`host`) is which in the container. */
  idmap: Idmap | IdMaps;
  propagation: Propagation;
}
export interface TmpfsMount {
  type: 'tmpfs';
  target: string;
  sizeBytes: number | null;
  readonly: boolean;
}
export interface Rlimit {
  name: string;
  soft: number | 'unlimited';
  hard: number | 'unlimited';
}

/** A run of ids: from `container` on inside, from `host` on outside. */
export interface IdMapping {
  container: number;
  host: number;
  size: number;
}
export interface IdMaps {
  uids: IdMapping[];
  gids: IdMapping[];
}

/** Where writes over the layers go: to a directory of the host that keeps them, or (null) a tmpfs of the container's own. */
export interface Overlay {
  sizeBytes: number | null;
  directory: string | null;
}

/** What becomes `/`. */
export interface Root {
  /** The directory as the spec names it; null where the root comes of something else. */
  path: string | null;
  /** A squashfs or erofs file: the only layer then. */
  file: string | null;
  /** Directories of the host, topmost first, that an overlay shows as one; a single one needs no overlay. */
  layers: string[];
  /** The image that the layers are of, and the digest that its name meant; null for none. */
  image: { name: string; id: string } | null;
  readonly: boolean;
  /** Where writes go; null where they go to the only layer, or nowhere. */
  overlay: Overlay | null;
  idmap: Idmap;
}

/** A spec with every default filled in and every unit resolved: what the plan is made from. */
export interface Spec {
  id: string;
  process: {
    args: string[];
    env: Record<string, string>;
    cwd: string;
    /** Names, still to be looked up in the root: "user" or "user:group"; null where uid and gid are known. */
    user: string | null;
    uid: number;
    gid: number;
    /**
     * What to look up in the root when it starts: the user of this name, or of the uid where that is ""; and whether it is in the
     * groups that the root has it in, as it is where no group is named.
     */
    account: { name: string; groups: boolean };
    umask: number;
    tty: boolean;
  };
  root: Root;
  hostname: string | null;
  mounts: (BindMount | TmpfsMount)[];
  namespaces: Record<NamespaceName, string>;
  /** null for none but lo, or that of others. */
  network: Network | null;
  resources: Resources;
  rlimits: Rlimit[];
  capabilities: string[];
  userns: 'auto' | 'host' | IdMaps;
  /** The ids on disk (`host`) of what it writes to the host; missing where they are its own. No input has them: the caller decides. */
  diskIds?: IdMaps;
  seccomp: 'default' | 'unconfined' | SeccompProfileInput;
  devices: string[];
  lifetimeUsec: number | null;
  jitterUsec: number;
  stopSignal: string;
  stopTimeoutUsec: number;
  init: boolean;
  /** Whether it is forgotten when it has ended; missing in what an earlier niwad has stored. */
  autoRemove?: boolean;
  labels: Record<string, string>;
  owner: string | null;
  oomScoreAdj: number | null;
  hooks: Hooks;
  /** How its readiness is found out; null where nobody asks. */
  ready: Ready | null;
  /** The files of its group whose limits niwad chose, since the spec left them out; not there in what an older niwad kept. */
  defaulted?: string[];
}

/** A port of the host that leads to one of the container. */
export interface PublishedPort {
  protocol: 'tcp' | 'udp';
  /** null for all addresses of the host. */
  hostAddress: string | null;
  host: number;
  container: number;
}

/** A place on the bridge, with every default filled in; null is "the node's own" or "no limit". */
export interface Network {
  address: string | null;
  ports: PublishedPort[];
  /** Containers of the same group reach each other; null for none. */
  group: string | null;
  /** Bytes a second, into the container and out of it. */
  rate: { in: number | null; out: number | null };
  /** Whether it reaches link-local addresses, at which clouds give out the credentials of the host. */
  linkLocal: 'deny' | 'allow';
  dns: { servers: string[] | null; search: string[] | null; options: string[] | null };
  /** Names and addresses for /etc/hosts. */
  hosts: Record<string, string>;
}

/** A number in the unit of its field, or "max" for no limit. */
export type Limit = number | 'max';

export interface IoLimit {
  device: string;
  rbps?: Limit;
  wbps?: Limit;
  riops?: Limit;
  wiops?: Limit;
}

/** The limits of a container; a field that is left out is not touched. */
export interface Resources {
  cpu: { max?: Limit; burstUsec?: number; weight?: number; cpus?: string };
  memory: {
    maxBytes?: Limit;
    highBytes?: Limit;
    lowBytes?: Limit;
    minBytes?: Limit;
    swapMaxBytes?: Limit;
    oomGroup?: boolean;
  };
  io: IoLimit[];
  pids?: Limit;
}

/** A point of a container's life at which hooks run. */
export type HookPoint = Exclude<keyof HooksInput, 'interval'>;

/** A program that the host runs. */
export interface Program {
  /** The file that is executed; `args[0]` is what it is told to be called. */
  file: string;
  args: string[];
  env: Record<string, string>;
  timeoutUsec: number;
}

/** A program at a point of a container's life. */
export interface Hook extends Program {
  /** What its failure means: the start fails, or a line in the log. */
  onError: 'fail' | 'log';
}

/** A program that runs again and again while a container does. */
export interface IntervalHook extends Program {
  everyUsec: number;
}

/** The hooks that there are; a point without any is left out. */
export type Hooks = { [P in HookPoint]?: Hook[] } & { interval?: IntervalHook[] };

/** What is tried to find out whether a container is ready. */
export type ReadyCheck =
  | { type: 'tcp'; port: number }
  /** With `status` null, any from 200 to 399 will do. */
  | { type: 'http'; port: number; path: string; status: number | null }
  | { type: 'command'; args: string[] };

/** How the readiness of a container is found out. */
export interface Ready {
  check: ReadyCheck;
  everyUsec: number;
  /** Counted from the start of the container. */
  timeoutUsec: number;
  onTimeout: 'stop' | 'log';
}
