import { closeSync } from 'node:fs';
import type { Frame, Frames } from '../kernel/births.js';
import { NiwaError } from '../protocol/errors.js';

/** One connection of a command: it sends a frame, and waits for the answer before it sends the next one. */
export class Connection {
  readonly #number: number;
  readonly #frames: Frames;
  #waiting: { take: (frame: Frame) => void; fail: (error: Error) => void } | null = null;
  #isClosed = false;

  constructor(number: number, frames: Frames) {
    this.#number = number;
    this.#frames = frames;
  }

  /** Sends a frame; the descriptors are no longer the caller's. */
  send(kind: number, body: Uint8Array | string = '', descriptors: readonly number[] = []): void {
    this.#frames.send(this.#number, kind, typeof body === 'string' ? Buffer.from(body) : body, descriptors);
  }

  /** @throws NiwaError START_FAILED if the command has ended */
  requireOpen(): void {
    if (this.#isClosed) throw gone();
  }

  /** Waits for the next frame. @throws NiwaError START_FAILED if the command ends */
  next(): Promise<Frame> {
    return new Promise((take, fail) => {
      if (this.#isClosed) fail(gone());
      else this.#waiting = { take, fail };
    });
  }

  /** Gives a frame to whoever waits for it; false if nobody does. */
  takes(frame: Frame): boolean {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.take(frame);
    return waiting !== null;
  }

  /** Called when the command has gone. */
  closed(): void {
    this.#isClosed = true;
    this.#waiting?.fail(gone());
    this.#waiting = null;
  }
}

function gone(): NiwaError {
  return new NiwaError('START_FAILED', 'niwa-oci has ended before niwad had done what it asked for');
}

/** Closes descriptors of a frame that nobody needs. */
export function closeAll(descriptors: readonly number[]): void {
  for (const fd of descriptors) closeSync(fd);
}
