import type { SpecInput } from '../protocol/spec.js';
import { bytesOf, MAX_LABEL_BYTES } from './bounds.js';

/** What an image says of the containers that run it; null or empty where it says nothing. */
export interface ImageDefaults {
  /** The name by which it was found, and the digest of its configuration: `sha256:` and 64 hexadecimal digits. */
  name: string;
  id: string;
  /** Its layers as directories of the host, topmost first. */
  layers: string[];
  /** As `process.user` has it. */
  user: string | null;
  /** Whether it names the group of its user by itself. */
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

/** Other labels of an image have no place in a usage record. */
const LABEL_NAME = /^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$/;
const MAX_LABEL_LENGTH = 4096;

/**
 * Fills what a spec leaves out from its image, as `docker run` does: arguments come behind the image's entrypoint in the place
 * of its command; with an entrypoint of the spec's own, nothing of the image's is left. Pure.
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

/** Gives the labels of an image that a container may have, as far as there is room: an image may have any number. */
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
