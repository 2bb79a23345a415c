import { Type } from 'typebox';
import { closed, integer } from './values.js';

/** The namespaces of a container, and its id maps. */

const IdMap = Type.Array(
  Type.Object(
    {
      container: integer(0, 4294967294, 'the first id in the container'),
      host: integer(0, 4294967294, 'the first id on the host'),
      size: integer(1, 4294967295, 'how many'),
    },
    closed,
  ),
  { minItems: 1, maxItems: 340, description: 'a list of {"container", "host", "size"}' },
);

/** A map of user ids and a map of group ids. */
export const IdMaps = Type.Object({ uids: IdMap, gids: IdMap }, { ...closed, title: 'IdMapsInput' });

const Namespace = Type.Union([Type.Literal('new'), Type.Literal('host'), Type.String({ pattern: '^/[^\\u0000]*$' })], {
  description: '"new", "host", or the absolute path of a namespace such as /proc/42/ns/net',
});
const NetworkNamespace = Type.Union(
  [...Namespace.anyOf, Type.String({ pattern: '^container:[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' })],
  { description: '"new", "host", "container:ID", or the absolute path of a namespace such as /proc/42/ns/net' },
);
export const Namespaces = Type.Object(
  {
    mount: Type.Optional(Namespace),
    pid: Type.Optional(Namespace),
    network: Type.Optional(NetworkNamespace),
    ipc: Type.Optional(Namespace),
    uts: Type.Optional(Namespace),
    cgroup: Type.Optional(Namespace),
  },
  { ...closed, title: 'NamespacesInput' },
);

export const Userns = Type.Union([Type.Literal('auto'), Type.Literal('host'), IdMaps], {
  title: 'UsernsInput',
  description: '"auto" (a range of host ids of its own), "host", or {"uids": MAP, "gids": MAP}',
});
