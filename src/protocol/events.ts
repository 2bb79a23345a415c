import type { Exit } from './container.js';
import type { Spec } from './resolved-spec.js';

/** Whom an event is about. */
export type Subject = Pick<Spec, 'id' | 'owner' | 'labels'>;

/** What is told of without another word. */
export type PlainEventType =
  | 'adopt'
  | 'create'
  | 'start'
  | 'start-failed'
  | 'ready'
  | 'unready'
  | 'update'
  | 'lifetime'
  | 'pause'
  | 'resume'
  | 'stopping'
  | 'hooks-given-up'
  | 'remove';

interface Happening extends Subject {
  at: string;
}

/** Something that happened to a container. */
export type RuntimeEvent = (Happening & { type: PlainEventType }) | (Happening & { type: 'exit'; exit: Exit });
export type RuntimeEventType = RuntimeEvent['type'];
