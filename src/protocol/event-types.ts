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
  'restarting',
  'restarts-given-up',
  'remove',
] as const;

/** The types of the events of detached execs. */
export const EXEC_EVENT_TYPES = ['exec-started', 'exec-ended'] as const;

/** The types of the events of services. What happens to an instance is told by the events of its container, too. */
export const SERVICE_EVENT_TYPES = [
  'service-apply',
  'service-remove',
  'service-scale',
  'service-wake',
  'service-route',
  'service-unroute',
  'service-refuse',
  'service-accept',
  'service-warn',
] as const;

/** The types of all events. */
export const EVENT_TYPES = [...PLAIN_EVENT_TYPES, 'exit', ...EXEC_EVENT_TYPES, ...SERVICE_EVENT_TYPES] as const;
