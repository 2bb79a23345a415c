import type { Kernel } from '../../kernel/kernel.js';
import type { LogStore } from '../../logs/store.js';
import { openOutput, outputOf } from '../output.js';
import type { Resource } from './resource.js';

/** The copying of a container's output into its log. The kernel's side begins it when it makes the container. */
export function output(logs: LogStore, kernel: Pick<Kernel, 'terminals'>): Resource {
  return {
    acquire(draft) {
      draft.output = outputOf(draft.spec, draft.handle, logs, kernel, draft.logFailure);
    },
    adopt(draft) {
      draft.output = openOutput(draft.spec, draft.handle, logs, kernel);
    },
    release: ({ output: opened }) => opened?.log.end(),
  };
}
