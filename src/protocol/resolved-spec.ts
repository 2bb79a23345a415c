import { type Static, Type } from 'typebox';
import { nullable, Texts, Usec } from './parts.js';
import { HooksSchema, ReadySchema } from './resolved-hooks.js';
import { SeccompProfile } from './spec/seccomp.js';

/**
 * A spec with every default filled in and every value in a fixed unit. Plans are made of it, and the status of a container shows it.
 */

const Bytes = Type.Integer({ description: 'bytes' });
const MaybeText = nullable(Type.String());
const MaybeTexts = nullable(Type.Array(Type.String()));

const IdMappingSchema = Type.Object(
  { container: Type.Integer(), host: Type.Integer(), size: Type.Integer() },
  { title: 'IdMapping', description: 'a run of ids: from "container" on inside, from "host" on outside' },
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
  description: 'whether mounts that the host makes below the source later appear inside ("rslave")',
});
export type Propagation = Static<typeof PropagationSchema>;

const BindMountSchema = Type.Object(
  {
    type: Type.Literal('bind'),
    source: Type.String(),
    target: Type.String(),
    readonly: Type.Boolean(),
    idmap: Type.Union([IdmapSchema, IdMapsSchema], {
      description: 'maps of its own say which id on disk ("host") is which in the container',
    }),
    propagation: PropagationSchema,
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
      'where writes over the layers go: to a directory of the host that keeps them, or (null) to a tmpfs of the container',
  },
);
export type Overlay = Static<typeof OverlaySchema>;

export const ImageIdSchema = Type.Object(
  {
    name: Type.String(),
    id: Type.String({ description: 'the digest of its configuration, which the name meant when it was created' }),
  },
  { title: 'ImageId' },
);

const RootSchema = Type.Object(
  {
    path: nullable(
      Type.String({ description: 'the directory as the spec names it; null where the root is made of another thing' }),
    ),
    file: nullable(Type.String({ description: 'a squashfs or erofs file: the only layer then' })),
    layers: Type.Array(Type.String(), {
      description:
        'directories of the host, topmost first, that an overlay shows as one; a single one needs no overlay',
    }),
    image: nullable(ImageIdSchema),
    readonly: Type.Boolean(),
    overlay: nullable(OverlaySchema),
    idmap: IdmapSchema,
  },
  { title: 'Root', description: 'what becomes /' },
);
export type Root = Static<typeof RootSchema>;

const PublishedPortSchema = Type.Object(
  {
    protocol: Type.Enum(['tcp', 'udp']),
    hostAddress: nullable(Type.String({ description: 'null for all addresses of the host' })),
    host: Type.Integer(),
    container: Type.Integer(),
  },
  { title: 'PublishedPort', description: 'a port of the host that leads to one of the container' },
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
      { description: 'null: as the host has it' },
    ),
    hosts: Type.Record(Type.String(), Type.String(), { description: 'names and addresses for /etc/hosts' }),
  },
  { title: 'Network', description: 'a place on the bridge' },
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
  { title: 'Resources', description: 'the limits of a container; a field that is left out is not touched' },
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
          'names, still to be looked up in the root: "user" or "user:group"; null where uid and gid are known',
      }),
    ),
    uid: Type.Integer(),
    gid: Type.Integer(),
    account: Type.Object(
      { name: Type.String(), groups: Type.Boolean() },
      {
        description:
          'what is looked up in the root at the start: the user of this name, or of the uid where the name is ""; and whether it gets the groups that the root has it in, as it does where no group is named',
      },
    ),
    umask: Type.Integer(),
    tty: Type.Boolean(),
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

export const ResolvedSpecSchema = Type.Object(
  {
    id: Type.String(),
    process: ProcessSchema,
    root: RootSchema,
    hostname: MaybeText,
    mounts: Type.Array(Type.Union([BindMountSchema, TmpfsMountSchema])),
    namespaces: NamespacesSchema,
    network: Type.Union([NetworkSchema, Type.Null()], {
      description: 'null where it has no network but lo, or that of another container or of the host',
    }),
    resources: ResourcesSchema,
    rlimits: Type.Array(RlimitSchema),
    capabilities: Type.Array(Type.String()),
    userns: Type.Union([Type.Literal('auto'), Type.Literal('host'), IdMapsSchema]),
    diskIds: Type.Optional(
      Type.Object(IdMapsSchema.properties, {
        description:
          'the ids on disk ("host") of what it writes to the host; missing where they are the ids that it has. No input has them: they follow from the caller',
      }),
    ),
    seccomp: Type.Union([Type.Literal('default'), Type.Literal('unconfined'), SeccompProfile]),
    devices: Type.Array(Type.String()),
    lifetimeUsec: nullable(Usec),
    jitterUsec: Usec,
    stopSignal: Type.String(),
    stopTimeoutUsec: Usec,
    init: Type.Boolean(),
    autoRemove: Type.Optional(
      Type.Boolean({ description: 'whether it is forgotten when it has ended; missing in what an older niwad stored' }),
    ),
    labels: Texts,
    owner: MaybeText,
    oomScoreAdj: nullable(Type.Integer()),
    hooks: HooksSchema,
    ready: nullable(ReadySchema),
    defaulted: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'the files of its group whose limits niwad chose, since the spec left them out; missing in what an older niwad stored',
      }),
    ),
  },
  { title: 'Spec', description: 'the spec with every default and unit resolved' },
);
export type Spec = Static<typeof ResolvedSpecSchema>;
