import type { Container } from '../engine/container.js';
import { startError } from '../engine/failure.js';
import type { Maker, Order } from '../engine/maker.js';
import { mayBeSlow, pathStarts } from '../engine/path-starts.js';
import { isKernelError } from '../kernel/errors.js';
import type { Networks } from '../network/networks.js';
import { NiwaError } from '../protocol/errors.js';
import { crashPoint } from '../test-hooks/crash-point.js';
import type { ContainerHooks } from './container-hooks.js';
import type { Endings } from './endings.js';

export interface MakingOptions {
  maker: Maker;
  containerHooks: ContainerHooks;
  networks: Networks;
  endings: Endings;
}

/**
 * Makes a container, runs the hooks that belong to its creation, and connects it to the bridge. A container with
 * neither hooks nor a bridge address nor a terminal is also started in the same step, if the order asks for a start.
 * @throws NiwaError HOOK_FAILED, and the errors of Maker.make(); then no part of the container is left
 */
export async function makeContainer(order: Order, options: MakingOptions): Promise<Container> {
  const { endings } = options;
  const container = await makeAfterHooks(order, options);
  await prepare(container, options)
    .catch((error: unknown) => endings.fail(container, error))
    .catch((error: unknown) => {
      if (order.before !== null) throw error; // the run that was made is the container's last one now
      return endings.undo(container, error);
    });
  return container;
}

async function makeAfterHooks(order: Order, { maker, containerHooks }: MakingOptions): Promise<Container> {
  const { spec, asker } = order;
  try {
    await containerHooks.beforeCreate(spec);
    const waits = spec.network !== null || spec.process.tty || containerHooks.hasHooks('afterNetwork', spec);
    const make = () => maker.make(waits ? { ...order, start: null } : order);
    return await (mayBeSlow(spec) ? pathStarts.run(asker, make) : make());
  } catch (error) {
    containerHooks.failed(spec);
    throw error;
  }
}

/** Connects a container to the bridge and runs the hooks that follow, while the container waits for its start. */
async function prepare(container: Container, { networks, containerHooks }: MakingOptions): Promise<void> {
  const { id, output, started, plan } = container;
  const { failure } = output;
  if (failure !== null)
    throw new NiwaError('HOST_ERROR', `cannot open the log of container ${id}: ${failure.errno}`, { cause: failure });
  if (started !== null) return;
  await networks.attach(container, plan?.network ?? []).catch((error: unknown) => {
    throw isKernelError(error) ? startError(id, plan, error) : error;
  });
  crashPoint('connected');
  await containerHooks.afterNetwork(container);
}
