import { type Static, Type } from 'typebox';
import { nullable, Texts, Usec } from './parts.js';
import { HooksSchema, ReadySchema } from './resolved-hooks.js';
import { OciOriginSchema } from './resolved-oci.js';
import { RestartPolicySchema } from './resolved-restart.js';
import { ShownSeccompProfile } from './spec/seccomp.js';

/**
 * A spec with every default filled in and every value in a fixed unit. Plans are made of it, and the status of a
 * container shows it.
 */

const Bytes = Type.Integer({ description: 'bytes' });
const MaybeText = nullable(Type.String());
const MaybeTexts = nullable(Type.Array(Type.String()));

const IdMappingSchema = Type.Object(
  { container: Type.Integer(), host: Type.Integer(), size: Type.Integer() },
  {
    title: 'IdMapping',
    description: 'a run of "size" ids: those from "container" on in the container are those from "host" on outside',
  },
);
export type IdMapping = Static<typeof IdMappingSchema>;

export const IdMapsSchema = Type.Object(
  { uids: Type.Array(IdMappingSchema), gids: Type.Array(IdMappingSchema) },
  { title: 'IdMaps' },
);
export type IdMaps = Static<typeof IdMapsSchema>;

const IdmapSchema = Type.Union([Type.Boolean(), Type.Literal('auto'), Type.Literal('unsupported')], {
  title: 'Idmap',
  description:
    'whether files keep the ids of the container on the host; "auto" where their file system can do that, which turns out to be true or "unsupported"; always false without a user namespace',
});
export type Idmap = Static<typeof IdmapSchema>;

const PropagationSchema = Type.Enum(['private', 'rslave'], {
  description:
    'whether later mounts of the host below the source appear in the container ("rslave") or not ("private")',
});
export type Propagation = Static<typeof PropagationSchema>;

const BindMountSchema = Type.Object(
  {
    type: Type.Literal('bind'),
    source: Type.String(),
    target: Type.String(),
    readonly: Type.Boolean(),
    idmap: Type.Union([IdmapSchema, IdMapsSchema], {
      description: 'or id maps of this mount: which id on disk ("host") is which id in the container',
    }),
    propagation: PropagationSchema,
    volume: Type.Optional(
      Type.Object(
        { name: Type.String(), uid: Type.Integer({ description: 'the user who made it' }) },
        { description: 'the named volume whose directory the source is; missing for a path that the spec names' },
      ),
    ),
  },
  { title: 'BindMount' },
);
export type BindMount = Static<typeof BindMountSchema>;

const TmpfsMountSchema = Type.Object(
  { type: Type.Literal('tmpfs'), target: Type.String(), sizeBytes: nullable(Bytes), readonly: Type.Boolean() },
  { title: 'TmpfsMount' },
);
export type TmpfsMount = Static<typeof TmpfsMountSchema>;

const RlimitValue = Type.Union([Type.Integer(), Type.Literal('unlimited')]);
const RlimitSchema = Type.Object(
  { name: Type.String(), soft: RlimitValue, hard: RlimitValue },
  { title: 'Rlimit', description: 'a limit of setrlimit(2)' },
);
export type Rlimit = Static<typeof RlimitSchema>;

const OverlaySchema = Type.Object(
  { sizeBytes: nullable(Bytes), directory: MaybeText },
  {
    title: 'Overlay',
    description:
      'where writes to the root go: to a directory of the host, which keeps them, or (null) to a tmpfs, which is lost at the end',
  },
);
export type Overlay = Static<typeof OverlaySchema>;

export const ImageIdSchema = Type.Object(
  {
    name: Type.String(),
    id: Type.String({
      description: 'the digest of the configuration of the image that had this name when the container was created',
    }),
  },
  { title: 'ImageId' },
);

const RootSchema = Type.Object(
  {
    path: nullable(
      Type.String({ description: 'the directory that the spec names; null where the root is an image or a file' }),
    ),
    file: nullable(
      Type.String({
        description: 'the squashfs or erofs file that is the root, as its only layer; null for another root',
      }),
    ),
    layers: Type.Array(Type.String(), {
      description:
        'the directories of the host that make up the root, the topmost first; several are shown as one by an overlay',
    }),
    image: nullable(ImageIdSchema),
    readonly: Type.Boolean(),
    overlay: nullable(OverlaySchema),
    idmap: IdmapSchema,
  },
  { title: 'Root', description: 'the root of the container' },
);
export type Root = Static<typeof RootSchema>;

const PublishedPortSchema = Type.Object(
  {
    protocol: Type.Enum(['tcp', 'udp']),
    hostAddress: nullable(Type.String({ description: 'null for all addresses of the host' })),
    host: Type.Integer({ description: 'the port of the host, also where niwad has chosen it' }),
    container: Type.Integer(),
  },
  { title: 'PublishedPort', description: 'a port of the host that leads to a port of the container' },
);
export type PublishedPort = Static<typeof PublishedPortSchema>;

const RateSchema = nullable(Type.Integer({ description: 'bytes a second; null for no limit' }));
const NetworkSchema = Type.Object(
  {
    address: nullable(Type.String({ description: 'null for any address of the pool' })),
    ports: Type.Array(PublishedPortSchema),
    group: nullable(Type.String({ description: 'containers of the same group reach each other; null for none' })),
    rate: Type.Object({ in: RateSchema, out: RateSchema }, { description: 'into the container, and out of it' }),
    linkLocal: Type.Enum(['deny', 'allow'], {
      description: 'whether it reaches link-local addresses, at which clouds give out the credentials of the host',
    }),
    dns: Type.Object(
      { servers: MaybeTexts, search: MaybeTexts, options: MaybeTexts },
      { description: 'the lines of resolv.conf; a field that is null has the value of the host' },
    ),
    hosts: Type.Record(Type.String(), Type.String(), { description: 'names and addresses for /etc/hosts' }),
  },
  { title: 'Network', description: 'the network of a container on the bridge' },
);
export type Network = Static<typeof NetworkSchema>;

const LimitSchema = Type.Union([Type.Number(), Type.Literal('max')], {
  title: 'Limit',
  description: 'a number in the unit of its field, or "max" for no limit',
});
export type Limit = Static<typeof LimitSchema>;
const MaybeLimit = Type.Optional(LimitSchema);

const IoLimitSchema = Type.Object(
  { device: Type.String(), rbps: MaybeLimit, wbps: MaybeLimit, riops: MaybeLimit, wiops: MaybeLimit },
  { title: 'IoLimit' },
);
export type IoLimit = Static<typeof IoLimitSchema>;

const ResourcesSchema = Type.Object(
  {
    cpu: Type.Object({
      max: MaybeLimit,
      burstUsec: Type.Optional(Usec),
      weight: Type.Optional(Type.Integer()),
      cpus: Type.Optional(Type.String()),
    }),
    memory: Type.Object({
      maxBytes: MaybeLimit,
      highBytes: MaybeLimit,
      lowBytes: MaybeLimit,
      minBytes: MaybeLimit,
      swapMaxBytes: MaybeLimit,
      oomGroup: Type.Optional(Type.Boolean()),
    }),
    io: Type.Array(IoLimitSchema),
    pids: MaybeLimit,
  },
  {
    title: 'Resources',
    description: 'the limits of a container; where a field is left out, niwad does not change the value of the kernel',
  },
);
export type Resources = Static<typeof ResourcesSchema>;

const ProcessSchema = Type.Object(
  {
    args: Type.Array(Type.String()),
    env: Texts,
    cwd: Type.String(),
    user: nullable(
      Type.String({
        description:
          'names that still have to be looked up in the root, "user" or "user:group"; null where uid and gid are known',
      }),
    ),
    uid: Type.Integer(),
    gid: Type.Integer(),
    account: Type.Object(
      { name: Type.String(), groups: Type.Boolean() },
      {
        description:
          'what the start looks up in the root: the user of this name (of the uid where the name is ""), and whether the process gets all groups that the root has for this user, as it does where no group is named',
      },
    ),
    umask: Type.Integer(),
    tty: Type.Boolean(),
    stdin: Type.Boolean({ description: 'whether a client that attaches writes to its standard input' }),
  },
  { title: 'Process' },
);

const NamespacesSchema = Type.Object(
  {
    mount: Type.String(),
    pid: Type.String(),
    network: Type.String(),
    ipc: Type.String(),
    uts: Type.String(),
    cgroup: Type.String(),
  },
  { title: 'Namespaces' },
);
export type NamespaceName = keyof Static<typeof NamespacesSchema>;

const InstanceOfSchema = Type.Object(
  { name: Type.String(), revision: Type.Integer({ description: 'that of the template from which it was made' }) },
  { title: 'InstanceOf' },
);
/** The service of which a container is an instance. */
export type InstanceOf = Static<typeof InstanceOfSchema>;

export const ResolvedSpecSchema = Type.Object(
  {
    id: Type.String(),
    process: ProcessSchema,
    root: RootSchema,
    hostname: MaybeText,
    mounts: Type.Array(Type.Union([BindMountSchema, TmpfsMountSchema])),
    namespaces: NamespacesSchema,
    network: Type.Union([NetworkSchema, Type.Null()], {
      description:
        'the network on the bridge; null where the container has only lo, or uses the network of another container or of the host',
    }),
    resources: ResourcesSchema,
    rlimits: Type.Array(RlimitSchema),
    capabilities: Type.Array(Type.String()),
    userns: Type.Union([Type.Literal('auto'), Type.Literal('host'), IdMapsSchema]),
    diskIds: Type.Optional(
      Type.Object(IdMapsSchema.properties, {
        description:
          'the ids that its files on the host have on disk ("host"); missing where these are the ids of the container. They follow from the caller, and no input has them',
      }),
    ),
    seccomp: Type.Union([Type.Literal('default'), Type.Literal('unconfined'), ShownSeccompProfile]),
    devices: Type.Array(Type.String()),
    shmSizeBytes: Type.Optional(Type.Integer({ description: 'of /dev/shm; missing for 64 MiB' })),
    sysctls: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description: 'settings of the namespaces of the container; missing where it has none of its own',
      }),
    ),
    lifetimeUsec: nullable(Usec),
    jitterUsec: Usec,
    stopSignal: Type.String(),
    stopTimeoutUsec: Usec,
    init: Type.Boolean(),
    autoRemove: Type.Optional(
      Type.Boolean({
        description:
          'whether the container is removed when it has ended; missing where an older niwad has created the container',
      }),
    ),
    restart: Type.Optional(RestartPolicySchema),
    labels: Texts,
    owner: MaybeText,
    oomScoreAdj: nullable(Type.Integer()),
    hooks: HooksSchema,
    ready: nullable(ReadySchema),
    service: Type.Union([InstanceOfSchema, Type.Null()], {
      description: 'the service of which it is an instance; null for none. No input has it',
    }),
    oci: Type.Optional(OciOriginSchema),
    defaulted: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'the files of the group whose limits niwad chose, since the spec left them out; missing where an older niwad has created the container',
      }),
    ),
  },
  { title: 'Spec', description: 'the spec with every default and unit resolved' },
);
export type Spec = Static<typeof ResolvedSpecSchema>;
