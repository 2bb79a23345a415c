import { execaSync } from 'execa';
import { vi } from 'vitest';
import { SLOWNESS } from './host.js';

/** A real terminal: a tmux server of a test's own with one window. */
export class Tmux {
  readonly #socket: string;

  /**
   * Starts a shell in a terminal.
   * @param directory for its socket
   * @param env more environment for the shell
   */
  constructor(directory: string, env: Record<string, string>) {
    this.#socket = `${directory}/tmux-${process.pid}`;
    execaSync('tmux', ['-S', this.#socket, '-f', '/dev/null', 'new-session', '-d', '-x', '80', '-y', '24', 'sh'], {
      env: { ...env, PS1: '$ ', TMUX: '' },
    });
  }

  /** Types keys as tmux names them, such as `C-c`, or text. */
  type(...keys: string[]): void {
    this.#run('send-keys', ...keys);
  }

  /** Changes the size of the window. */
  resize(columns: number, rows: number): void {
    this.#run('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** What the screen shows. */
  screen(): string {
    return this.#run('capture-pane', '-p', '-J').trimEnd();
  }

  /** Waits until the screen shows something. */
  async shows(text: string | RegExp): Promise<void> {
    await vi.waitFor(
      () => {
        const screen = this.screen();
        const shown = typeof text === 'string' ? screen.includes(text) : text.test(screen);
        if (!shown) throw new Error(`the screen does not show ${text}, but:\n${screen}`);
      },
      { timeout: 10_000 * SLOWNESS, interval: 50 },
    );
  }

  /** Empties the screen and waits until that is done. */
  async clear(): Promise<void> {
    this.type('C-l');
    this.#run('send-keys', '-R');
    this.#run('clear-history');
  }

  end(): void {
    this.#run('kill-server');
  }

  #run(...args: string[]): string {
    return execaSync('tmux', ['-S', this.#socket, ...args]).stdout;
  }
}
