import { execFileSync } from 'node:child_process';
import { afterEach, expect, vi } from 'vitest';
import { scaled } from './host.js';

const opened: Tmux[] = [];
let count = 0;

/** Ends after each test of the file the terminals that it opened, however it went. */
export function cleanUpTerminals(): void {
  afterEach(() => {
    for (const tmux of opened.splice(0)) tmux.end();
  });
}

/** A real terminal of its own with a shell in it: a tmux server that nobody else uses. */
export class Tmux {
  readonly #server = `niwa-test-${process.pid}-${++count}`;

  constructor(columns: number, rows: number, env: Record<string, string>) {
    const words = Object.entries({ LC_ALL: 'C.UTF-8', PS1: '$ ', ...env }).map(([name, value]) => `${name}=${value}`);
    const size = ['-x', String(columns), '-y', String(rows)];
    opened.push(this);
    this.#tmux('-f', '/dev/null', 'new-session', '-d', ...size, 'env', ...words, 'bash', '--norc', '--noprofile');
  }

  /** Presses keys, by tmux's names for them. */
  press(...keys: string[]): void {
    this.#tmux('send-keys', ...keys);
  }

  /** Types a line and ends it. */
  type(line: string): void {
    this.#tmux('send-keys', '-l', line);
    this.press('Enter');
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** What stands on the screen, a string per line. */
  screen(): string[] {
    return this.#tmux('capture-pane', '-p').replace(/\n$/, '').split('\n');
  }

  /** Asks tmux about the pane: `alternate_on`, `cursor_flag` and so on. */
  state(name: string): string {
    return this.#tmux('display-message', '-p', `#{${name}}`).trim();
  }

  /** Waits until the screen holds this; gives its lines, as they were then. */
  async shows(expected: RegExp | string): Promise<string[]> {
    return await vi.waitFor(
      () => {
        const lines = this.screen();
        expect(lines.join('\n')).toMatch(expected);
        return lines;
      },
      { timeout: scaled(30_000), interval: 100 },
    );
  }

  end(): void {
    try {
      this.#tmux('kill-server');
    } catch {
      // it has ended by itself
    }
  }

  #tmux(...args: string[]): string {
    return execFileSync('tmux', ['-L', this.#server, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }
}
