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
