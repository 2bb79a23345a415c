/** Numbers of users and groups. */

/** How many ids a container with `userns: auto` gets. */
export const IDS_PER_CONTAINER = 65_536;

/** The highest id. For the kernel, 2^32 - 1 means "leave it as it is", see setresuid(2) and chown(2). */
export const LAST_ID = 4_294_967_294;

/** Parses an id of decimal digits, as in passwd(5) and group(5); gives undefined where the text is no id. */
export function parseId(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,10}$/.test(text) && Number(text) <= LAST_ID ? Number(text) : undefined;
}
