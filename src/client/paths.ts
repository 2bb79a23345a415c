/** The paths of the API for one container and one service. */

export function pathOf(id: string): string {
  return `/v1/containers/${encodeURIComponent(id)}`;
}

export function pathOfService(name: string): string {
  return `/v1/services/${encodeURIComponent(name)}`;
}
