import { ROOT } from '../../access/allowed.js';
import type { Container } from '../../engine/container.js';
import type { Birth } from '../../engine/maker.js';
import { Stopwatch } from '../../engine/phases.js';
import { FIRST_RUN } from '../../engine/runs.js';
import type { Spec } from '../../protocol/resolved-spec.js';
import { crashPoint } from '../../test-hooks/crash-point.js';
import { makeContainer } from '../making.js';
import { containerFor, type Parts } from '../parts.js';
import { startCreated } from '../starting.js';

/** What makes a container whose process another program makes: its spec, and its birth, both for an id that is free. */
export interface BornOrder {
  spec: Spec;
  birth: Birth;
  /** Whether its start follows at once: until then the next niwad ends it, as while it was being made. */
  starts: boolean;
}

/**
 * Makes a container whose first process another program makes, up to its wait. Only root asks for it. Defaults and
 * ceilings do not apply.
 * @throws NiwaError the errors of create(); then everything that was made is undone
 */
export async function createBorn(parts: Parts, orderOf: (id: string) => BornOrder): Promise<Container> {
  const { policy, admission, books, endings } = parts;
  policy.require('createContainer', ROOT);
  const watch = new Stopwatch();
  const { spec, birth, starts } = orderOf(admission.freeId());
  const release = admission.reserve(spec);
  try {
    watch.lap('spec');
    const order = {
      spec,
      birth,
      watch,
      asker: `user ${ROOT.uid}`,
      start: null,
      place: FIRST_RUN,
      before: null,
    } as const;
    const container = await makeContainer(order, parts);
    try {
      admission.require(); // a drain may have begun during the steps above
      if (!starts) {
        books.save(container, 'created');
        crashPoint('created-saved');
      }
    } catch (error) {
      return await endings.undo(container, error);
    }
    return container;
  } finally {
    release();
  }
}

/**
 * Starts a container whose first process another program has made, for that program. Only root asks for it.
 * @throws NiwaError FORBIDDEN, NOT_FOUND, STATE_CONFLICT, DRAINING, START_FAILED
 */
export async function startBorn(parts: Parts, id: string): Promise<void> {
  await startCreated(parts, containerFor('startContainer', parts, ROOT, id), `user ${ROOT.uid}`);
}
