import { emitKeypressEvents, type Interface } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import { ENTER_SCREEN, frame, LEAVE_SCREEN } from './ansi.js';
import type { Key } from './keys.js';
import type { Line } from './line.js';

/** How long an escape byte may wait for the rest of a sequence before it is the key. */
const ESCAPE_MS = 50;
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What comes from a terminal. */
export interface TerminalEvents {
  key(key: Key): void;
  /** The size has changed, or the screen has to be drawn anew. */
  resized(): void;
  /** A signal asks to end, or the terminal has gone. */
  ended(signal: NodeJS.Signals | null): void;
}

/**
 * A terminal that shows full screens. From `open` on it has another screen and gives each key; `close`, and also every other end
 * of the process but SIGKILL, gives it back as it was.
 */
export class Terminal {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #colours: boolean;
  readonly #events: TerminalEvents;
  #isOpen = false;

  constructor(input: ReadStream, output: WriteStream, colours: boolean, events: TerminalEvents) {
    this.#input = input;
    this.#output = output;
    this.#colours = colours;
    this.#events = events;
  }

  open(): void {
    emitKeypressEvents(this.#input, { escapeCodeTimeout: ESCAPE_MS } as unknown as Interface);
    this.#input.on('keypress', this.#onKey).on('error', this.#onGone).on('end', this.#onGone);
    this.#output.on('resize', this.#events.resized).on('error', this.#onGone);
    for (const signal of ENDING) process.on(signal, this.#events.ended);
    process.on('SIGTSTP', this.#suspend).on('SIGCONT', this.#onContinued).on('exit', this.#give);
    this.#take();
  }

  close(): void {
    this.#give();
    process.off('SIGTSTP', this.#suspend).off('SIGCONT', this.#onContinued).off('exit', this.#give);
    for (const signal of ENDING) process.off(signal, this.#events.ended);
    this.#output.off('resize', this.#events.resized);
    this.#input.off('keypress', this.#onKey).pause();
  }

  draw(lines: readonly Line[]): void {
    if (this.#isOpen) this.#output.write(frame(lines, this.#colours));
  }

  #take(): void {
    this.#isOpen = true;
    // Twice: after a SIGSTOP the shell has set the terminal back, and only a change is passed on to it.
    this.#input.setRawMode(false).setRawMode(true).resume();
    this.#output.write(ENTER_SCREEN);
  }

  readonly #give = () => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#output.write(LEAVE_SCREEN);
    if (!this.#input.destroyed) this.#input.setRawMode(false);
  };

  readonly #onKey = (text: string | undefined, { name, ctrl }: Key) => {
    if (ctrl && name === 'z') this.#suspend();
    else this.#events.key({ name, text, ctrl });
  };

  /** Stops as ^Z does: the whole process group, for the shell to notice; without our handler, which would keep us running. */
  readonly #suspend = () => {
    this.#give();
    process.off('SIGTSTP', this.#suspend);
    process.kill(0, 'SIGTSTP');
  };

  readonly #onContinued = () => {
    process.off('SIGTSTP', this.#suspend).on('SIGTSTP', this.#suspend);
    this.#take();
    this.#events.resized();
  };

  readonly #onGone = () => this.#events.ended(null);
}
