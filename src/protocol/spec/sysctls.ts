import { Type } from 'typebox';
import { closed } from './values.js';

/** Settings of sysctl(8) that belong to a namespace of the container. */
export const Sysctls = Type.Record(
  Type.String({ pattern: '^[a-z0-9_]{1,64}([.][A-Za-z0-9_-]{1,64}){1,7}$' }),
  Type.String({ pattern: '^[^\\u0000-\\u001f]{1,1024}$', description: 'a line of at most 1024 characters' }),
  {
    ...closed,
    description: 'an object of names such as "net.core.somaxconn" and string values',
  },
);
