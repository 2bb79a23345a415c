import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Books } from '../engine/books.js';
import { usecNow } from '../engine/clock.js';
import type { Container } from '../engine/container.js';
import { checkOf, type RunInside } from '../hooks/checks.js';
import { repeat } from '../hooks/interval.js';
import { hooksAt, runInterval, runPoint } from '../hooks/point.js';
import { awaitReady } from '../hooks/readiness.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Exit } from '../protocol/container.js';
import type { HookPoint, Hooks } from '../protocol/resolved-hooks.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { crashPoint } from '../test-hooks/crash-point.js';
import type { Exec } from './exec.js';
import type { Registry } from './registry.js';

export interface ContainerHooksOptions {
  /** The hooks of every container, from niwad's configuration. */
  hooks: Hooks;
  registry: Registry;
  books: Books;
  /** Makes a further process in a container. */
  exec(id: string, request: object, check: AbortSignal): Promise<Exec>;
  kernel: Pick<Kernel, 'network'>;
  log: Logger;
}

/** A container whose time for getting ready ended while there was no niwad is tried so long by the next one. */
const LATE_USEC = 5e6;
const KILL_PATIENCE_MS = 1000;
/** So often the hooks of an end are begun: they may be what ends each niwad that runs them. */
const MAX_TRIES = 3;

/**
 * What runs beside the life of containers: hooks at its points, interval hooks, the readiness check. The hooks of one id wait
 * for each other, so that those of an end have run before those of the next container with that id begin; no operation on a
 * container keeps the others waiting while it waits for a hook.
 */
export class ContainerHooks {
  readonly #options: ContainerHooksOptions;
  /** The last hooks that were asked for, by the id of their container. */
  readonly #last = new Map<string, Promise<void>>();
  readonly #waiting = new Set<Promise<void>>();
  /** End the interval hooks and readiness checks, one for each container that has some. */
  readonly #repeating = new Set<AbortController>();
  /** Resolves when there can be somebody who hears what is told. */
  readonly #heard: Promise<void>;
  #setHeard: () => void = () => {};
  /** Ends the hooks of points. */
  readonly #points = unboundedController();

  constructor(options: ContainerHooksOptions) {
    this.#options = options;
    this.#heard = new Promise((resolve) => {
      this.#setHeard = resolve;
    });
  }

  /** Runs the hooks before anything of a container is made. @throws NiwaError HOOK_FAILED */
  beforeCreate(spec: Spec): Promise<void> {
    return this.#run('beforeCreate', spec, () => creatingState(spec));
  }

  /** Runs the hooks of a container that waits for its start. @throws NiwaError HOOK_FAILED */
  afterNetwork(container: Container): Promise<void> {
    return this.#run('afterNetwork', container.spec, () => container.status());
  }

  /** Runs the hooks of a container that has started, see {@link attend}. @throws NiwaError HOOK_FAILED */
  afterStart(container: Container): Promise<void> {
    return this.#run('afterStart', container.spec, () => container.status());
  }

  /** Nothing was made of a container, or nothing is left of it but its record. */
  failed(spec: Spec): void {
    this.#begin('onFailure', spec, () => creatingState(spec));
  }

  /** A container begins to stop; one that was never started has nothing to say goodbye to. */
  stopping(container: Container): void {
    if (container.life.hasStarted) this.#begin('onStop', container.spec, () => container.status());
  }

  /**
   * Begins the interval hooks and the readiness check of a container that runs.
   * @param adopted whether it ran before: then its interval hooks begin at random, not all at once with those of others
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

  /** Whether there are hooks of a point for a container with this spec. */
  hasHooks(point: HookPoint, spec: Spec): boolean {
    return hooksAt(point, this.#options.hooks, spec.hooks).length > 0;
  }

  /** Whether hooks have to run when this container has exited with this. */
  owesHooks({ spec }: Container, exit: Exit): boolean {
    return endPoints(exit).some((point) => this.hasHooks(point, spec));
  }

  /**
   * Runs the hooks of an end; resolves when they have ended. After a crash of niwad before they have ended they run again: at
   * least once, a few times at most.
   */
  async exited(container: Container, exit: Exit): Promise<void> {
    if (container.endHooks.areDone) crashPoint('exit-hooks-run');
    else if (container.endHooks.tries >= MAX_TRIES) await this.#giveUp(container);
    else await this.#follow(this.#runEnd(container, exit));
  }

  /** niwad has listened for a while: what waited to be heard is told. */
  setHeard(): void {
    this.#setHeard();
  }

  /** Ends what is repeated; readiness is for the next daemon. */
  stopRepeating(): void {
    for (const end of this.#repeating) end.abort();
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
    this.#save(container); // before they can end niwad
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

  /** Saves a container that has exited, if nobody has removed it. */
  #save(container: Container): void {
    if (this.#options.registry.hasThis(container)) this.#options.books.save(container);
  }

  /** @param leastUsec so long it is tried from now on, even if its time is over */
  async #awaitReady(container: Container, signal: AbortSignal, leastUsec: number): Promise<void> {
    const { registry, log } = this.#options;
    const { ready } = container.spec;
    if (ready === null) return;
    const startedUsec = Number(container.life.startedNs / 1000n);
    const untilUsec = Math.max(startedUsec + ready.timeoutUsec, usecNow() + leastUsec);
    const run: RunInside = async (args, end) => exitCodeOf(await this.#options.exec(container.id, { args }, end), end);
    const atUsec = await awaitReady(
      { ...ready, untilUsec },
      checkOf(this.#options.kernel, container.handle, ready.check, run),
      signal,
    );
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

  /** Runs the hooks of a point without anybody waiting for them. */
  #begin(point: HookPoint, spec: Spec, state: () => object): void {
    this.#run(point, spec, state).catch((error: unknown) => this.#options.log.error({ err: error }, 'hooks failed'));
  }

  /** Runs the hooks of a point, with the state as it is now, after those that were asked for before for this id. */
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

  /** Lets {@link settled} wait for some work. */
  #follow<T>(work: Promise<T>): Promise<T> {
    const over = settling(work).then(() => {
      this.#waiting.delete(over);
    });
    this.#waiting.add(over);
    return work;
  }
}

/** Node.js warns of more than ten listeners, as if they were forgotten. */
function unboundedController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/** Waits for the end of a process whose output nobody wants; it is killed when `signal` is aborted. */
async function exitCodeOf(exec: Exec, signal: AbortSignal): Promise<number | null> {
  const kill = () => exec.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  for (const stream of [exec.stdout, exec.stderr]) stream?.resume();
  const { code } = await exec.exited;
  signal.removeEventListener('abort', kill);
  exec.close();
  return code;
}

/** Resolves when some work is over, however it went. */
async function settling(work: Promise<unknown>): Promise<void> {
  await Promise.allSettled([work]);
}

/** What a hook hears of a container of which there is nothing but its spec. */
function creatingState(spec: Spec): object {
  return { id: spec.id, state: 'creating', spec };
}

function subjectOf(container: Container) {
  return { id: container.id, state: container.status() };
}

/**
 * The points of an end. It is a failure where it was neither the workload's own exit with 0 nor asked for: by a stop, a signal
 * through niwa, or the end of the lifetime. Pure.
 */
export function endPoints({ reason, code }: Exit): HookPoint[] {
  const asked = reason === 'stopped' || reason === 'killed' || reason === 'lifetime';
  return asked || (reason === 'exited' && code === 0) ? ['afterExit'] : ['afterExit', 'onFailure'];
}
