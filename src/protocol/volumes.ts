import { type Static, Type } from 'typebox';
import { nullable, Time } from './parts.js';

/** Named volumes: directories that niwad keeps for containers. */

export const VOLUME_NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$';
export const VOLUME_NAME_WORDS =
  'the name of a volume: 1 to 64 of the characters A-Z a-z 0-9 _ . - (first a letter or digit)';

export const VolumeName = Type.String({ pattern: VOLUME_NAME_PATTERN, description: VOLUME_NAME_WORDS });

export const VolumeSchema = Type.Object(
  {
    name: Type.String(),
    uid: Type.Integer({ description: 'the user who made it: only that user and root may use it' }),
    created_at: Time,
    used_by: Type.Array(Type.String(), {
      description:
        'the containers, also exited ones, the services ("service NAME") and the pools ("pool NAME") that name it',
    }),
    bytes: nullable(
      Type.Integer({ description: 'what its files take on disk; null where it was not asked for, or takes too long' }),
    ),
  },
  { title: 'VolumeInfo' },
);
export type VolumeInfo = Static<typeof VolumeSchema>;

export const VolumeBody = Type.Object(
  { name: VolumeName },
  { additionalProperties: false, title: 'VolumeBody', examples: [{ name: 'data' }] },
);
export const VolumeParams = Type.Object({ name: VolumeName }, { additionalProperties: false });
export const VolumesQuery = Type.Object(
  { size: Type.Optional(Type.Boolean({ description: 'true to count what the files take' })) },
  { additionalProperties: false },
);
export type VolumesQuery = Static<typeof VolumesQuery>;

export const VolumesPrunedSchema = Type.Object(
  { removed: Type.Array(Type.String(), { description: 'names' }) },
  { title: 'VolumesPruned' },
);
export type VolumesPruned = Static<typeof VolumesPrunedSchema>;
