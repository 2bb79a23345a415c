/** The types of events that have no fields of their own. */
export const PLAIN_EVENT_TYPES = [
  'adopt',
  'create',
  'start',
  'start-failed',
  'ready',
  'unready',
  'update',
  'lifetime',
  'pause',
  'resume',
  'stopping',
  'hooks-given-up',
  'remove',
] as const;

/** The types of all events of containers. */
export const EVENT_TYPES = [...PLAIN_EVENT_TYPES, 'exit'] as const;
