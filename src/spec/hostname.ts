/**
 * Makes a host name of an id. An id may contain underscores, and may end in one or in a dash, for example; a host name
 * may not.
 */
export function hostnameFrom(id: string): string {
  return id.replaceAll('_', '-').replace(/[^A-Za-z0-9]+$/, '');
}
