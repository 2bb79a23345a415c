import { type Static, Type } from 'typebox';
import { ErrorSchema } from './error-schema.js';
import { nullable, Time } from './parts.js';

/**
 * Names of images, in the grammar of the distribution project ("reference.go"), without digests:
 * `[HOST[:PORT]/]NAME[:TAG]`.
 */

const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const HOST =
  '(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]{1,5})?';
const TAG = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';

export const REFERENCE_PATTERN = `^(?:${HOST}/)?${PART}(?:/${PART})*(?::${TAG})?$`;
export const REFERENCE_WORDS =
  'the name of an image, such as "alpine", "registry.example/team/app:1.2" (lower case; the tag "latest" unless it is given)';

/** The name of an image in a request. */
export const ImageName = Type.String({ pattern: REFERENCE_PATTERN, maxLength: 255, description: REFERENCE_WORDS });

/** An image and one of its names; an image with two names is listed twice. */
export const ImageSchema = Type.Object(
  {
    name: Type.String(),
    id: Type.String({ description: 'the digest of its configuration: sha256: and 64 hexadecimal digits' }),
    created_at: nullable(Time),
    imported_at: Time,
    architecture: Type.String(),
    bytes: Type.Integer({
      description: 'the bytes of the files of all its layers; other images may have the same layers',
    }),
    layers: Type.Array(Type.String(), { description: 'the digests of the tars of its layers, the lowest first' }),
  },
  { title: 'ImageInfo' },
);
export type ImageInfo = Static<typeof ImageSchema>;

const Words = Type.Array(Type.String());

/** An image with what it says of the containers that are made of it. */
export const ImageDetailsSchema = Type.Object(
  {
    ...ImageSchema.properties,
    names: Type.Array(Type.String(), { description: 'all names of the image' }),
    config: Type.Object(
      {
        user: nullable(Type.String()),
        env: Type.Record(Type.String(), Type.String()),
        entrypoint: Words,
        cmd: Words,
        cwd: nullable(Type.String()),
        labels: Type.Record(Type.String(), Type.String()),
        stop_signal: nullable(Type.String()),
      },
      { description: 'what its containers get where their spec says nothing' },
    ),
  },
  { title: 'ImageDetails' },
);
export type ImageDetails = Static<typeof ImageDetailsSchema>;

/** What `prune` has removed. */
export const ImagesPrunedSchema = Type.Object(
  {
    removed: Type.Array(Type.String(), { description: 'names' }),
    freed_bytes: Type.Integer({ description: 'the bytes of the files of the layers that no other image has' }),
  },
  { title: 'ImagesPruned' },
);
export type ImagesPruned = Static<typeof ImagesPrunedSchema>;

const layerFields = {
  layer: Type.String({ description: 'the digest of the tar of the layer' }),
  number: Type.Integer({ description: 'from 1 on' }),
  total: Type.Integer(),
};

/** A line that an import sends while it goes on. */
export const ImportProgressSchema = Type.Union(
  [
    Type.Object({
      type: Type.Literal('receiving'),
      bytes: Type.Integer({ description: 'the bytes of the tar received so far' }),
    }),
    Type.Object({
      type: Type.Literal('unpacking'),
      ...layerFields,
      bytes: Type.Integer({ description: 'the bytes of files written so far' }),
    }),
    Type.Object(
      {
        type: Type.Literal('layer'),
        ...layerFields,
        shared: Type.Boolean({ description: 'whether niwad had this layer already' }),
      },
      { description: 'niwad has the layer' },
    ),
    Type.Object(
      { type: Type.Literal('warning'), message: Type.String() },
      { description: 'the image can be used, but something in it was left out' },
    ),
    Type.Object(
      { type: Type.Literal('image'), image: ImageSchema },
      { description: 'the image has its name from now on' },
    ),
  ],
  { title: 'ImportProgress' },
);
export type ImportProgress = Static<typeof ImportProgressSchema>;

/** A line of the answer to an import. If it is an error, it is the last line. */
export const ImportLineSchema = Type.Union(
  [ImportProgressSchema, Type.Object({ type: Type.Literal('error'), ...ErrorSchema.properties })],
  { title: 'ImportLine' },
);

/** The body of an import. */
export const ImageTar = Type.String({
  title: 'ImageTar',
  format: 'binary',
  description:
    'a tar of an OCI image layout, or the output of docker save; it may be compressed by gzip, zstd, xz or bzip2',
});
