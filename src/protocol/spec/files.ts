import { Type } from 'typebox';
import { REFERENCE_PATTERN, REFERENCE_WORDS } from '../images.js';
import { VolumeName } from '../volumes.js';
import { IdMaps } from './namespaces.js';
import { absolutePath, closed, TmpfsBytes } from './values.js';

/** The files of a container: its root and its mounts. */

export const Root = Type.Object(
  {
    path: Type.Optional(absolutePath('the directory that becomes /; the host\'s own "/" where it is left out')),
    file: Type.Optional(absolutePath('a squashfs or erofs file that becomes /')),
    image: Type.Optional(Type.String({ pattern: REFERENCE_PATTERN, maxLength: 255, description: REFERENCE_WORDS })),
    readonly: Type.Optional(Type.Boolean({ description: 'true or false' })),
    overlay: Type.Optional(
      Type.Union(
        [
          Type.Boolean(),
          Type.Object(
            {
              size: Type.Optional(TmpfsBytes),
              directory: Type.Optional(absolutePath('a directory of the host that keeps what is written')),
            },
            closed,
          ),
        ],
        {
          description:
            'true (writes go to a private tmpfs that is lost at the end), {"size": "64M"} to bound it, {"directory": PATH} to keep them, or false',
        },
      ),
    ),
  },
  { ...closed, title: 'RootInput' },
);

export const Mount = Type.Union(
  [
    Type.Object(
      {
        type: Type.Literal('bind', { description: '"bind", "tmpfs" or "volume"' }),
        source: absolutePath('the source on the host'),
        target: absolutePath('the target in the container'),
        idmap: Type.Optional(
          Type.Union([Type.Boolean(), IdMaps], {
            description:
              'true or false (whether files on the host keep the container\'s own ids), or {"uids": MAP, "gids": MAP} with the ids on disk as "host"',
          }),
        ),
        propagation: Type.Optional(
          Type.Union([Type.Literal('private'), Type.Literal('rslave')], { description: '"private" or "rslave"' }),
        ),
        readonly: Type.Optional(Type.Boolean({ description: 'true or false' })),
      },
      closed,
    ),
    Type.Object(
      {
        type: Type.Literal('tmpfs', { description: '"bind", "tmpfs" or "volume"' }),
        target: absolutePath('the target in the container'),
        size: Type.Optional(TmpfsBytes),
        readonly: Type.Optional(Type.Boolean({ description: 'true or false' })),
      },
      closed,
    ),
    Type.Object(
      {
        type: Type.Literal('volume', { description: '"bind", "tmpfs" or "volume"' }),
        source: VolumeName,
        target: absolutePath('the target in the container'),
        readonly: Type.Optional(Type.Boolean({ description: 'true or false' })),
      },
      closed,
    ),
  ],
  {
    title: 'MountInput',
    description:
      '{"type": "bind", "source": PATH, "target": PATH, "readonly"?: BOOLEAN, "idmap"?: BOOLEAN or MAPS, "propagation"?: "private" or "rslave"} or {"type": "tmpfs", "target": PATH, "size"?: BYTES, "readonly"?: BOOLEAN} or {"type": "volume", "source": NAME, "target": PATH, "readonly"?: BOOLEAN}',
  },
);
