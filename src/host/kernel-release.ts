/** Says whether a kernel release, such as "6.1.0-13-amd64", has this version or a newer one. */
export function isKernelFrom(release: string, [major, minor]: readonly [number, number]): boolean {
  const [, foundMajor = 0, foundMinor = 0] = (/^(\d+)\.(\d+)/.exec(release) ?? []).map(Number);
  return foundMajor > major || (foundMajor === major && foundMinor >= minor);
}
