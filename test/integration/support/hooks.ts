import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerStatus } from '../../../src/protocol/container.js';
import type { Place } from './niwad.js';

/** What a hook of {@link scriptsIn} wrote down. */
export type Said = { hook: string } & Partial<ContainerStatus>;

export interface Scripts {
  /** A hook that writes down what it reads, and then does what `then` says. */
  noting(then?: string): { args: string[] };
  /** What they have written down, in order. */
  said(): Said[];
  /** Their points, in order. */
  points(): string[];
}

/** Makes hooks in the files of a place that write into one file; `name` tells them from others. */
export function scriptsIn({ files }: Pick<Place, 'files'>, name: string): Scripts {
  const notes = join(files, `${name}.notes`);
  let scripts = 0;
  const said = () =>
    existsSync(notes)
      ? readFileSync(notes, 'utf8')
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Said)
      : [];
  return {
    noting(then = '') {
      const path = join(files, `${name}-${++scripts}`);
      writeFileSync(path, `#!/bin/sh\nread -r state\nprintf '%s\\n' "$state" >> ${notes}\n${then}\n`);
      chmodSync(path, 0o755);
      return { args: [path] };
    },
    said,
    points: () => said().map(({ hook }) => hook),
  };
}
