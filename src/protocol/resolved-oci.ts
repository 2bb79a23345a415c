import { type Static, Type } from 'typebox';
import { Texts } from './parts.js';

const OciScopeSchema = Type.Object(
  {
    unit: Type.String({ description: 'its name, with .scope' }),
    slice: Type.String({ description: 'the slice that it is in, with .slice' }),
    properties: Type.Optional(Texts),
  },
  { description: 'the scope of systemd that has its group; missing where no systemd has made it' },
);
/** A scope of systemd for the group of a container. */
export type OciScope = Static<typeof OciScopeSchema>;

export const OciOriginSchema = Type.Object(
  {
    id: Type.String({ description: 'its id in the engine' }),
    root: Type.String({ description: 'the directory of --root: each has ids of its own' }),
    bundle: Type.String({ description: 'the directory with its config.json' }),
    rootfs: Type.String({ description: 'the root on the host' }),
    annotations: Texts,
    scope: Type.Optional(OciScopeSchema),
    execConfig: Type.Optional(
      Type.String({ description: 'what an exec needs of its config, as JSON. No status shows it' }),
    ),
    lateHooks: Type.Optional(
      Type.String({ description: 'the hooks of its config that run after its creation, as JSON. No status shows it' }),
    ),
  },
  {
    title: 'OciOrigin',
    description: 'what a container engine calls it; missing where none has made it. No input has it',
  },
);
/** Where a container comes from that an engine has made through niwa-oci. */
export type OciOrigin = Static<typeof OciOriginSchema>;
