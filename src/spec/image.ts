import type { SpecInput } from '../protocol/spec.js';
import { bytesOf, MAX_LABEL_BYTES } from './bounds.js';

/** What an image says about containers made of it. A field is null or empty where the image says nothing. */
export interface ImageDefaults {
  /**
   * The name by which the image was found; `id`: the digest of its configuration, `sha256:` and 64 hexadecimal digits.
   */
  name: string;
  id: string;
  /** The directories of its layers on the host, the topmost first. */
  layers: string[];
  /** The user in the form of `process.user`. */
  user: string | null;
  /** Whether the image names a group besides its user. */
  namesGroup: boolean;
  env: Record<string, string>;
  entrypoint: string[];
  cmd: string[];
  cwd: string | null;
  labels: Record<string, string>;
  stopSignal: string | null;
}

/** Finds an image by its name. @throws NiwaError NOT_FOUND */
export type ImageLookup = (name: string) => ImageDefaults;

/**
 * The form of a label's name. Labels of an image with other names are left out, since no usage record can have them.
 */
const LABEL_NAME = /^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$/;
const MAX_LABEL_LENGTH = 4096;

/**
 * Fills in the fields that a spec leaves out from its image, as `docker run` does. Arguments replace the command of the
 * image, and come after its entrypoint. If the spec has an entrypoint of its own, neither entrypoint nor command of the
 * image is used. Pure.
 */
export function withImage(input: SpecInput, image: ImageDefaults): SpecInput {
  const { entrypoint, args = entrypoint === undefined ? image.cmd : [], ...process } = input.process ?? {};
  const command = [...(entrypoint ?? image.entrypoint), ...args];
  return {
    ...given({ stopSignal: image.stopSignal }),
    ...input,
    process: {
      ...given({ user: image.user, cwd: image.cwd }),
      ...process,
      ...(command.length > 0 ? { args: command } : {}),
      env: { ...image.env, ...process.env },
    },
    labels: { ...fitting(image.labels, MAX_LABEL_BYTES - bytesOf(input.labels ?? {})), ...input.labels },
  };
}

/**
 * Gives those labels of an image that a container may have, until the room for labels is used up: an image may have any
 * number.
 */
function fitting(labels: Record<string, string>, roomBytes: number): Record<string, string> {
  let room = roomBytes;
  return Object.fromEntries(
    Object.entries(labels).filter(([name, value]) => {
      const bytes = bytesOf({ [name]: value });
      const fits = LABEL_NAME.test(name) && value.length <= MAX_LABEL_LENGTH && bytes <= room;
      if (fits) room -= bytes;
      return fits;
    }),
  );
}

function given<T extends Record<string, string | null>>(fields: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as {
    [K in keyof T]?: string;
  };
}
