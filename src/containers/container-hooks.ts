import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Books } from '../engine/books.js';
import { usecNow } from '../engine/clock.js';
import type { Container } from '../engine/container.js';
import { exitCodeOf, resolveExec, startExec } from '../engine/exec.js';
import { checkOf, type RunInside } from '../hooks/checks.js';
import { repeat } from '../hooks/interval.js';
import { hooksAt, runInterval, runPoint } from '../hooks/point.js';
import { awaitReady, type Check } from '../hooks/readiness.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Exit } from '../protocol/container.js';
import type { HookPoint, Hooks, ReadyCheck } from '../protocol/resolved-hooks.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { crashPoint } from '../test-hooks/crash-point.js';
import type { Registry } from './registry.js';

export interface ContainerHooksOptions {
  /** The hooks that niwad's configuration sets for every container. */
  hooks: Hooks;
  registry: Registry;
  books: Books;
  kernel: Pick<Kernel, 'execs' | 'network'>;
  log: Logger;
}

/**
 * If the time to get ready ended while no niwad was running, the next niwad still checks the container for this long.
 */
const LATE_USEC = 5e6;
const KILL_PATIENCE_MS = 1000;
/** How often the hooks of an end are begun at most: they may be the cause that ends each niwad that runs them. */
const MAX_TRIES = 3;

/**
 * Runs the hooks of containers at the points of their lives, interval hooks and readiness checks, beside the operations
 * on containers. Hooks for the same id wait for each other: the hooks of one container's end finish before the hooks of
 * the next container with that id begin. An operation that waits for a hook does not delay operations on other
 * containers.
 */
export class ContainerHooks {
  readonly #options: ContainerHooksOptions;
  /** By container id: resolves when the hooks that were requested last for this id have ended. */
  readonly #last = new Map<string, Promise<void>>();
  readonly #waiting = new Set<Promise<void>>();
  /** Abort the interval hooks and readiness checks: one controller for each container that has any. */
  readonly #repeating = new Set<AbortController>();
  /** Resolves when subscribers of events have had time to connect. */
  readonly #heard: Promise<void>;
  #setHeard: () => void = () => {};
  /** Aborts the hooks that run at points of a container's life. */
  readonly #points = unboundedController();

  constructor(options: ContainerHooksOptions) {
    this.#options = options;
    this.#heard = new Promise((resolve) => {
      this.#setHeard = resolve;
    });
  }

  /** Runs the hooks that come before any part of a container is made. @throws NiwaError HOOK_FAILED */
  beforeCreate(spec: Spec): Promise<void> {
    return this.#run('beforeCreate', spec, () => creatingState(spec));
  }

  /**
   * Runs the hooks of a container that is made, connected to the bridge, and not started. @throws NiwaError HOOK_FAILED
   */
  afterNetwork(container: Container): Promise<void> {
    return this.#run('afterNetwork', container.spec, () => container.status());
  }

  /**
   * Runs the hooks of a container that has started; {@link attend} begins the repeated ones. @throws NiwaError
   * HOOK_FAILED
   */
  afterStart(container: Container): Promise<void> {
    return this.#run('afterStart', container.spec, () => container.status());
  }

  /** Begins the `onFailure` hooks of a start that failed, after which no container is left. */
  failed(spec: Spec): void {
    this.#begin('onFailure', spec, () => creatingState(spec));
  }

  /**
   * Begins the `onStop` hooks of a container that begins to stop. A container that was never started has no such hooks
   * to run.
   */
  stopping(container: Container): void {
    if (container.life.hasStarted) this.#begin('onStop', container.spec, () => container.status());
  }

  /**
   * Begins the interval hooks and the readiness check of a container that runs.
   * @param adopted whether the container ran before this niwad: its interval hooks then begin after a random part of
   *   their interval, so that the hooks of all adopted containers do not begin at the same time
   */
  attend(container: Container, adopted = false): void {
    const { log, hooks } = this.#options;
    const interval = hooksAt('interval', hooks, container.spec.hooks);
    if (interval.length === 0 && !container.readiness.isAwaited) return;
    const end = unboundedController();
    this.#repeating.add(end);
    void container.exited.then(() => {
      end.abort();
      this.#repeating.delete(end);
    });
    const { signal } = end;
    for (const hook of interval) {
      const task = () => this.#follow(runInterval(hook, subjectOf(container), log, signal));
      void repeat(hook.everyUsec, hook.everyUsec * (adopted ? Math.random() : 1), task, signal);
    }
    if (container.readiness.isAwaited) void this.#awaitReady(container, signal, adopted ? LATE_USEC : 0);
  }

  /** Makes the check by which a container is asked whether it works. */
  checkOf(container: Container, check: ReadyCheck): Check {
    const { kernel } = this.#options;
    const run: RunInside = async (args, end) => {
      const asked = await resolveExec(container.spec, { args }, 'user 0');
      return exitCodeOf(await startExec(container, asked, { check: end }, kernel), end);
    };
    return checkOf(kernel, container.handle, check, run);
  }

  /** Whether a container with this spec has hooks at a point. */
  hasHooks(point: HookPoint, spec: Spec): boolean {
    return hooksAt(point, this.#options.hooks, spec.hooks).length > 0;
  }

  /** Whether a container that has ended in this way has hooks to run. */
  owesHooks({ spec }: Container, exit: Exit): boolean {
    return endPoints(exit).some((point) => this.hasHooks(point, spec));
  }

  /**
   * Runs the hooks of a container's end; resolves when they have ended. If niwad crashes before the hooks have ended,
   * the next niwad runs them again: they run at least once, and at most {@link MAX_TRIES} times.
   */
  async exited(container: Container, exit: Exit): Promise<void> {
    if (container.endHooks.areDone) crashPoint('exit-hooks-run');
    else if (container.endHooks.tries >= MAX_TRIES) await this.#giveUp(container);
    else await this.#follow(this.#runEnd(container, exit));
  }

  /** Called when subscribers have had time to connect: the events that waited for them are told. */
  setHeard(): void {
    this.#setHeard();
  }

  /** Stops interval hooks and readiness checks; the next daemon continues the readiness checks. */
  stopRepeating(): void {
    for (const end of this.#repeating) end.abort();
  }

  /** Waits until the hooks that were requested for an id so far have ended. */
  async idle(id: string): Promise<void> {
    await this.#last.get(id);
  }

  /** Waits until no hook runs. */
  async settled(): Promise<void> {
    while (this.#waiting.size > 0) await Promise.all(this.#waiting);
  }

  /** Kills the hooks that still run. */
  async kill(): Promise<void> {
    this.#points.abort();
    await Promise.race([this.settled(), sleep(KILL_PATIENCE_MS, undefined, { ref: false })]);
  }

  async #runEnd(container: Container, exit: Exit): Promise<void> {
    container.endHooks.begin();
    this.#save(container); // the hooks may end niwad, so the count of tries is saved before they run
    const runs = endPoints(exit).map((point) => this.#run(point, container.spec, () => container.status()));
    await Promise.all(runs);
    if (this.#points.signal.aborted) return;
    crashPoint('exit-hooks-run');
    this.#endHooks(container);
  }

  async #giveUp(container: Container): Promise<void> {
    const { id, endHooks } = container;
    const { tries } = endHooks;
    this.#options.log.error({ id, tries }, 'the hooks of an end are given up: niwad has ended each time they ran');
    await this.#heard;
    this.#options.registry.tell('hooks-given-up', container.spec);
    this.#endHooks(container);
  }

  #endHooks(container: Container): void {
    container.endHooks.finish();
    this.#save(container);
  }

  /** Saves a container that has exited, unless the container was removed. */
  #save(container: Container): void {
    if (this.#options.registry.hasThis(container)) this.#options.books.save(container);
  }

  /**
   * @param leastUsec the check goes on for at least this long from now, even if the container's time to get ready is
   *   over
   */
  async #awaitReady(container: Container, signal: AbortSignal, leastUsec: number): Promise<void> {
    const { registry, log } = this.#options;
    const { ready } = container.spec;
    if (ready === null) return;
    const startedUsec = Number(container.life.startedNs / 1000n);
    const untilUsec = Math.max(startedUsec + ready.timeoutUsec, usecNow() + leastUsec);
    const atUsec = await awaitReady({ ...ready, untilUsec }, this.checkOf(container, ready.check), signal);
    if (signal.aborted || container.hasEnded) return;
    const at = new Date().toISOString();
    if (atUsec !== null) {
      this.#takeReady(container, { state: 'ready', at, took_usec: atUsec - startedUsec });
      registry.tell('ready', container.spec);
      this.#begin('onReady', container.spec, () => container.status());
      return;
    }
    log.warn({ id: container.id, timeout_usec: ready.timeoutUsec }, 'a container did not get ready in time');
    this.#takeReady(container, { state: 'failed', at, took_usec: null });
    registry.tell('unready', container.spec);
    this.#begin('onFailure', container.spec, () => container.status());
    if (ready.onTimeout === 'stop') container.control.beginStop();
  }

  #takeReady(container: Container, ready: NonNullable<Container['ready']>): void {
    container.readiness.take(ready);
    this.#options.books.save(container);
  }

  /** Begins the hooks of a point; the caller does not wait for them. */
  #begin(point: HookPoint, spec: Spec, state: () => object): void {
    this.#run(point, spec, state).catch((error: unknown) => this.#options.log.error({ err: error }, 'hooks failed'));
  }

  /**
   * Runs the hooks of a point after the hooks that were requested before for this id. The hooks get the state of the
   * container at the time when they begin.
   */
  #run(point: HookPoint, spec: Spec, state: () => object): Promise<void> {
    const { hooks, log } = this.#options;
    const list = hooksAt(point, hooks, spec.hooks);
    if (list.length === 0) return Promise.resolve();
    const { id } = spec;
    const subject = { id, state: state() };
    const before = this.#last.get(id) ?? Promise.resolve();
    const work = before.then(() => runPoint(point, list, subject, log, this.#points.signal));
    const over = settling(work).then(() => {
      if (this.#last.get(id) === over) this.#last.delete(id);
    });
    this.#last.set(id, over);
    return this.#follow(work);
  }

  /** Makes {@link settled} wait for a promise. */
  #follow<T>(work: Promise<T>): Promise<T> {
    const over = settling(work).then(() => {
      this.#waiting.delete(over);
    });
    this.#waiting.add(over);
    return work;
  }
}

/** An abort signal with any number of listeners: by default Node.js warns of a leak when a signal has more than ten. */
function unboundedController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/** Resolves when a promise has resolved or rejected. */
async function settling(work: Promise<unknown>): Promise<void> {
  await Promise.allSettled([work]);
}

/** The state that a hook receives while the container is only a spec. */
function creatingState(spec: Spec): object {
  return { id: spec.id, state: 'creating', spec };
}

function subjectOf(container: Container) {
  return { id: container.id, state: container.status() };
}

/**
 * The points of a container's end. The end is a failure unless the workload exited by itself with 0, or the end was
 * requested by a stop, by a signal through niwa, or by the end of the lifetime. Pure.
 */
export function endPoints({ reason, code }: Exit): HookPoint[] {
  const asked = reason === 'stopped' || reason === 'killed' || reason === 'lifetime';
  return asked || (reason === 'exited' && code === 0) ? ['afterExit'] : ['afterExit', 'onFailure'];
}
