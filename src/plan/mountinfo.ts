/** A mount, as a file mountinfo tells it. */
export interface MountLine {
  id: string;
  parent: string;
  /** Its device as "major:minor". */
  device: string;
  /** The directory of its file system that it shows. */
  root: string;
  /** Where it is mounted. */
  point: string;
  type: string;
  source: string;
  /** The options of its file system. */
  options: string[];
}

/** Reads the text of /proc/PID/mountinfo, see proc_pid_mountinfo(5). Pure. */
export function parseMountinfo(text: string): MountLine[] {
  return text
    .split('\n')
    .filter((line) => line.includes(' - '))
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [id = '', parent = '', device = '', root = '', point = ''] = before.split(' ');
      const [type = '', source = '', options = ''] = after.split(' ');
      const paths = { root: unescapeOctal(root), point: unescapeOctal(point) };
      return { id, parent, device, ...paths, type, source, options: options.split(',') };
    });
}

/** The kernel writes space, tab, newline and backslash as octal. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
