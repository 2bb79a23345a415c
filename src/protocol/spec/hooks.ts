import { type TSchema, Type } from 'typebox';
import { Process } from './process.js';
import { closed, Duration, integer, text } from './values.js';

const HOOKS_PER_POINT = 16;
const hookFields = {
  args: Type.Array(text('a string without NUL'), {
    minItems: 1,
    maxItems: 1000,
    description: 'the program by its absolute path on the host, and its arguments',
  }),
  env: Process.properties.env,
  timeout: Type.Optional(Duration),
};
const hooksWith = <E extends TSchema>(onError: E) =>
  Type.Optional(
    Type.Array(Type.Object({ ...hookFields, onError: Type.Optional(onError) }, closed), {
      maxItems: HOOKS_PER_POINT,
      description: 'a list of up to 16 {"args", "env"?, "timeout"?, "onError"?}',
    }),
  );
const failable = hooksWith(Type.Enum(['fail', 'log'], { description: '"fail" (the start) or "log"' }));
const unfailable = hooksWith(
  Type.Enum(['log'], { description: '"log": nothing can be refused any more at this point' }),
);

/** Programs that the host runs at points of a container's life. The configuration of niwad has the same form. */
export const Hooks = Type.Object(
  {
    beforeCreate: failable,
    afterNetwork: failable,
    afterStart: failable,
    onReady: unfailable,
    onStop: unfailable,
    afterExit: unfailable,
    onFailure: unfailable,
    interval: Type.Optional(
      Type.Array(Type.Object({ ...hookFields, every: Duration }, closed), {
        maxItems: HOOKS_PER_POINT,
        description: 'a list of up to 16 {"args", "every", "env"?, "timeout"?}',
      }),
    ),
  },
  { ...closed, title: 'HooksInput' },
);

/** How to find out whether a container is ready for its work. */
export const Ready = Type.Object(
  {
    tcp: Type.Optional(integer(1, 65_535, 'a port in the container')),
    http: Type.Optional(
      Type.Object(
        {
          port: integer(1, 65_535, 'a port in the container'),
          path: Type.String({ pattern: '^/[!-~]{0,2047}$', description: 'a path such as "/health", without spaces' }),
          status: Type.Optional(integer(100, 599, 'the status that it has to answer')),
        },
        { ...closed, description: '{"port", "path", "status"?}' },
      ),
    ),
    command: Type.Optional(Process.properties.args),
    every: Type.Optional(Duration),
    timeout: Type.Optional(Duration),
    onTimeout: Type.Optional(Type.Enum(['stop', 'log'], { description: '"stop" or "log"' })),
  },
  { ...closed, title: 'ReadyInput' },
);
