import { type Static, Type } from 'typebox';
import { closed } from './spec/values.js';

/** Copying files into and out of containers. */

const path = Type.String({
  pattern: '^/[^\\u0000]*$',
  maxLength: 4095,
  description: 'an absolute path in the container',
});

export const CopyOutQuery = Type.Object(
  {
    path,
    follow: Type.Optional(
      Type.Boolean({ description: 'true to copy what a link at the end of the path leads to, not the link' }),
    ),
  },
  closed,
);
export type CopyOutQuery = Static<typeof CopyOutQuery>;

export const CopyInQuery = Type.Object(
  {
    path,
    name: Type.Optional(
      Type.String({
        pattern: '^[^/\\u0000]+$',
        maxLength: 255,
        description:
          'the tar has one file or tree: it gets this name in the directory "path" ("." for the directory itself), or becomes "path" where that is no directory. Without a name, the names of the tar are used, and "path" has to be a directory',
      }),
    ),
    owners: Type.Optional(
      Type.Boolean({ description: 'true for the owners that the tar says; else all files belong to root' }),
    ),
  },
  closed,
);
export type CopyInQuery = Static<typeof CopyInQuery>;

/** The files of a container, as they are sent and received. */
export const FilesTar = Type.String({ title: 'FilesTar', format: 'binary', description: 'a tar' });
