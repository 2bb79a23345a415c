/**
 * What one look at the host found. `missing` says that niwad cannot run without it, and is given only where `required`;
 * `warning` says that something will not work, or not for many containers.
 */
export interface Check {
  name: string;
  status: 'ok' | 'warning' | 'missing';
  required: boolean;
  found: string;
  /** What it is good for, so also what is lost without it. */
  meaning: string;
  cure: string | null;
}
