/**
 * A task for niwa-reach: a path, and further words that the task needs. run_errand() in native/reach/main.cc says what
 * each task gives. `fence` names directories: a symbolic link in one of them is followed only to places in the same
 * directory.
 */
export type Errand =
  | [what: 'real' | 'source' | 'image', path: string, ...fence: string[]]
  | [what: 'device' | 'identity', path: string]
  | [what: 'read', directory: string, file: string]
  | [what: 'limit', directory: string, bytes: string];

/** The result of an errand. */
export interface Found {
  /** 0 for success. */
  errno: number;
  body: Buffer;
}

/** What the errand `source` finds. */
export interface Source {
  /** Whether its mount can be id-mapped; null where this could not be tried. */
  canIdmap: boolean | null;
  /** The number of its mount, which no other mount ever gets; 0 where the kernel has no such numbers. */
  mount: number;
  /** The real path. */
  path: string;
}

/** Reads the body of the errand `source`, in the layout of source() in native/reach/main.cc. */
export function readSource(body: Buffer): Source {
  const text = body.toString();
  const end = text.indexOf(' ', 2);
  const canIdmap = text[0] === '?' ? null : text[0] === '1';
  return { canIdmap, mount: Number(text.slice(2, end)), path: text.slice(end + 1) };
}

/** Writes the body that {@link readSource} reads. */
export function writeSource({ canIdmap, mount, path }: Source): Buffer {
  return Buffer.from(`${canIdmap === null ? '?' : Number(canIdmap)} ${mount} ${path}`);
}
