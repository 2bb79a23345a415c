/**
 * The parts of a config of the OCI runtime-spec that niwa honours. src/oci/check.ts refuses every other field, so
 * all that a config asks for is here. Integers beyond 2^53 are bigints.
 */

/** The version of the runtime-spec in states; configs of 1.0 to 1.3 are taken. */
export const CONFIG_VERSION = '1.3.0';

type Integer = number | bigint;
export type CapabilitySet = 'bounding' | 'effective' | 'permitted' | 'inheritable' | 'ambient';

export interface OciIdMapping {
  containerID?: number;
  hostID?: number;
  size?: number;
}

export interface OciMount {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
  uidMappings?: OciIdMapping[];
  gidMappings?: OciIdMapping[];
}

export interface OciDevice {
  path: string;
  type: string;
  major?: number;
  minor?: number;
  fileMode?: number;
  uid?: number;
  gid?: number;
}

export interface OciDeviceRule {
  allow: boolean;
  type?: string;
  major?: number;
  minor?: number;
  access?: string;
}

export interface OciDeviceRate {
  major: number;
  minor: number;
  rate: Integer;
}

export interface OciBlockIo {
  weight?: number;
  weightDevice?: { major: number; minor: number; weight?: number }[];
  throttleReadBpsDevice?: OciDeviceRate[];
  throttleWriteBpsDevice?: OciDeviceRate[];
  throttleReadIOPSDevice?: OciDeviceRate[];
  throttleWriteIOPSDevice?: OciDeviceRate[];
}

export interface OciResources {
  devices?: OciDeviceRule[];
  memory?: {
    limit?: Integer;
    reservation?: Integer;
    swap?: Integer;
    checkBeforeUpdate?: boolean;
  };
  cpu?: {
    shares?: Integer;
    quota?: Integer;
    burst?: Integer;
    period?: Integer;
    cpus?: string;
    mems?: string;
    idle?: number;
  };
  pids?: { limit?: Integer };
  blockIO?: OciBlockIo;
  hugepageLimits?: { pageSize: string; limit?: Integer }[];
  /** By the name of the device. */
  rdma?: Record<string, { hcaHandles?: Integer; hcaObjects?: Integer }>;
  unified?: Record<string, string>;
}

export interface OciSeccomp {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  flags?: string[];
  /** The socket of the agent that answers for SCMP_ACT_NOTIFY, and what it is told. */
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: {
    names: string[];
    action: string;
    errnoRet?: number;
    args?: { index: number; value: Integer; valueTwo?: Integer; op: string }[];
  }[];
}

export interface OciProcess {
  terminal?: boolean;
  consoleSize?: { height: number; width: number };
  user: { uid: number; gid: number; umask?: number; additionalGids?: number[] };
  args: string[];
  env?: string[];
  cwd: string;
  capabilities?: Partial<Record<CapabilitySet, string[]>>;
  rlimits?: { type: string; hard: Integer; soft: Integer }[];
  noNewPrivileges?: boolean;
  oomScoreAdj?: number;
  apparmorProfile?: string;
  selinuxLabel?: string;
  scheduler?: OciScheduler;
  ioPriority?: { class: string; priority: number };
  /** Of an exec alone. */
  execCPUAffinity?: { initial?: string; final?: string };
}

export interface OciScheduler {
  policy: string;
  nice?: number;
  priority?: number;
  flags?: string[];
  /** In nanoseconds. */
  runtime?: Integer;
  deadline?: Integer;
  period?: Integer;
}

export interface OciMemoryPolicy {
  mode: string;
  /** Such as `0-3,7`. */
  nodes?: string;
  flags?: string[];
}

export interface OciHook {
  path: string;
  args?: string[];
  env?: string[];
  /** In seconds. */
  timeout?: number;
}

/** The points at which hooks run, in their order. */
export const HOOK_POINTS = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;
export type HookPoint = (typeof HOOK_POINTS)[number];
export type OciHooks = Partial<Record<HookPoint, OciHook[]>>;

export interface OciConfig {
  ociVersion: string;
  process: OciProcess;
  hooks?: OciHooks;
  root: { path: string; readonly?: boolean };
  hostname?: string;
  domainname?: string;
  mounts?: OciMount[];
  annotations?: Record<string, string>;
  linux?: {
    namespaces?: { type: string; path?: string }[];
    uidMappings?: OciIdMapping[];
    gidMappings?: OciIdMapping[];
    devices?: OciDevice[];
    cgroupsPath?: string;
    sysctl?: Record<string, string>;
    resources?: OciResources;
    seccomp?: OciSeccomp;
    rootfsPropagation?: string;
    timeOffsets?: Record<string, { secs?: Integer; nanosecs?: number }>;
    personality?: { domain: string; flags?: string[] };
    memoryPolicy?: OciMemoryPolicy;
    mountLabel?: string;
    /** By the name of the device. */
    netDevices?: Record<string, { name?: string }>;
    maskedPaths?: string[];
    readonlyPaths?: string[];
  };
}
