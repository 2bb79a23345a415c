/**
 * Names of images, in the grammar of the distribution project ("reference.go"), without digests: `[HOST[:PORT]/]NAME[:TAG]`.
 */

const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const HOST =
  '(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]{1,5})?';
const TAG = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';

export const REFERENCE_PATTERN = `^(?:${HOST}/)?${PART}(?:/${PART})*(?::${TAG})?$`;
export const REFERENCE_WORDS =
  'the name of an image, such as "alpine", "registry.example/team/app:1.2" (lower case; the tag "latest" unless it is given)';

/** An image by one of its names. */
export interface ImageInfo {
  name: string;
  /** The digest of its configuration: `sha256:` and 64 hexadecimal digits. */
  id: string;
  created_at: string | null;
  imported_at: string;
  architecture: string;
  /** Of all its layers, unpacked; other images may share them. */
  bytes: number;
  /** The digests of their tars, the lowest first. */
  layers: string[];
}

/** What an import tells while it goes on. */
export type ImportProgress =
  /** The tar comes in: so many bytes until now. */
  | { type: 'receiving'; bytes: number }
  /** A layer, `number` of `total`, is unpacked: so many bytes of files until now. */
  | { type: 'unpacking'; layer: string; number: number; total: number; bytes: number }
  /** A layer is there, unpacked now or (`shared`) by an image before. */
  | { type: 'layer'; layer: string; number: number; total: number; shared: boolean }
  /** The image can be used, but not all that it holds. */
  | { type: 'warning'; message: string }
  /** A name means the image from now on. */
  | { type: 'image'; image: ImageInfo };
