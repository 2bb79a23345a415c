/** What is told of without another word. */
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

/** What is told of containers. */
export const EVENT_TYPES = [...PLAIN_EVENT_TYPES, 'exit'] as const;
