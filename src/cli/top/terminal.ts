import { emitKeypressEvents, type Interface } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import { ENTER_SCREEN, frame, LEAVE_SCREEN } from './ansi.js';
import type { Key } from './keys.js';
import type { Line } from './line.js';

/** How long an escape byte waits for the rest of an escape sequence; after this it counts as the Escape key. */
const ESCAPE_MS = 50;
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The callbacks of a terminal. */
export interface TerminalEvents {
  key(key: Key): void;
  /** The size has changed, or the whole screen has to be drawn again. */
  resized(): void;
  /** A signal has asked top to end, or the terminal is closed. */
  ended(signal: NodeJS.Signals | null): void;
}

/**
 * A terminal with full screens. `open` switches to the alternate screen and begins to report keys. `close`, and every
 * other end of the process except SIGKILL, restores the terminal.
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
    // Raw mode is switched off and on: after a SIGSTOP the shell has changed the terminal, and Node.js only passes on a
    // change.
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

  /**
   * Stops top like ^Z does: the signal goes to the whole process group, so that the shell notices the stop. Its own
   * handler is removed before, because it would keep the process running.
   */
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
