/** The paths of the API for one container, one service and one pool. */

export function pathOf(id: string): string {
  return `/v1/containers/${encodeURIComponent(id)}`;
}

export function pathOfService(name: string): string {
  return `/v1/services/${encodeURIComponent(name)}`;
}

export function pathOfPool(name: string): string {
  return `/v1/pools/${encodeURIComponent(name)}`;
}
