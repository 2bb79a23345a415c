/** A server of a page, in an image with a shell. */
export const SERVER = ['sh', '-c', 'echo hello > /index.html; exec busybox httpd -f -p 80 -h /'];

/** Asks a server until it answers; the page is on the standard output. */
export function asking(url: string): string[] {
  return ['sh', '-c', `until busybox wget -qO- ${url} 2>/dev/null; do sleep 0.1; done`];
}
