import type { Kernel } from '../../kernel/kernel.js';
import type { LogStore } from '../../logs/store.js';
import { openOutput } from '../output.js';
import type { Draft, Resource } from './resource.js';

/** The copying of a container's output into its log, from the making of the container on. */
export function output(logs: LogStore, kernel: Pick<Kernel, 'terminals'>): Resource {
  const open = (draft: Draft) => {
    draft.output = openOutput(draft.spec, draft.handle, logs, kernel);
  };
  return { acquire: open, adopt: open, release: ({ output: opened }) => opened?.log.end() };
}
