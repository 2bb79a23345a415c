import { Type } from 'typebox';
import { ServiceName } from './service.js';
import { Resources } from './spec/resources.js';
import { closed, Duration, Id, Signal } from './spec/values.js';

/** Parameters, queries and bodies of requests about one container, without the spec itself. */

const flag = (description: string) => Type.Optional(Type.Boolean({ description: `true or false: ${description}` }));

export const IdParams = Type.Object({ id: Id }, closed);

export const ServiceParams = Type.Object({ name: ServiceName }, closed);

export const ApplyQuery = Type.Object(
  { dry_run: flag('whether nothing is changed'), now: flag('whether those that serve are replaced at once') },
  closed,
);

export const CreateQuery = Type.Object(
  {
    start: flag('whether it is started, too'),
    ready: flag('whether the answer waits until it is ready, or will not be any more'),
    wait: flag('whether the answer waits for its end'),
  },
  closed,
);
export const StartFromPoolQuery = Type.Omit(CreateQuery, ['start'], closed);
export const RemoveQuery = Type.Object({ force: flag('whether it is killed first') }, closed);
export const WaitQuery = Type.Object(
  {
    timeout: Type.Optional(Duration),
    for: Type.Optional(Type.Enum(['exit', 'ready'], { description: '"exit" or "ready"' })),
  },
  { ...closed, description: 'when the timeout is over, the answer is 200 with null' },
);

export const StopBody = Type.Object(
  { timeout: Type.Optional(Duration), signal: Type.Optional(Signal) },
  { ...closed, title: 'StopBody', examples: [{ timeout: '10s' }, { signal: 'SIGINT' }] },
);
export const SignalBody = Type.Object(
  { signal: Type.Optional(Signal) },
  { ...closed, title: 'SignalBody', examples: [{ signal: 'SIGHUP' }] },
);
export const UpdateBody = Type.Object(
  { resources: Resources, force: Type.Optional(Type.Boolean({ description: 'true or false' })) },
  { ...closed, title: 'UpdateBody', examples: [{ resources: { memory: { max: '512M' } } }] },
);
export const LifetimeBody = Type.Union(
  [
    Type.Object({ lifetime: Type.Union([...Duration.anyOf, Type.Null()]) }, closed),
    Type.Object({ remaining: Duration }, closed),
  ],
  {
    title: 'LifetimeBody',
    description: '{"lifetime": DURATION or null} or {"remaining": DURATION}',
    examples: [{ lifetime: '2h' }, { lifetime: null }, { remaining: '30s' }],
  },
);
