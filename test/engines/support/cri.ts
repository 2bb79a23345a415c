import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { Containerd } from '../../integration/support/containerd.js';
import { SHELL_IMAGE } from '../../integration/support/engine.js';
import { host as machine, PATIENCE } from '../../integration/support/host.js';
import type { Niwad } from '../../integration/support/niwad.js';
import { PrivateHost } from '../../integration/support/private-host.js';
import { Rpc } from './rpc.js';

/** The namespace in containerd that has the images and containers of the interface. */
const NAMESPACE = 'k8s.io';
/** The name of the runtime, as in a RuntimeClass. */
const HANDLER = 'niwa';
/** The addresses of pods begin with it. */
export const SUBNET = '10.99.0';

export interface Pod {
  id: string;
  /** What it was made of: the interface wants it again with each container. */
  config: { metadata: { name: string }; [field: string]: unknown };
}

interface PodStatus {
  state: string;
  network: { ip: string };
  runtimeHandler: string;
}

interface ContainerStatus {
  state: string;
  exitCode: number;
}

interface ContainerStats {
  cpu: { usageCoreNanoSeconds: { value: number } };
  /** Nothing without the controller. */
  memory: { workingSetBytes: { value: number } } | null;
}

interface ExecEnd {
  exitCode: number;
  stdout: Buffer;
  stderr: Buffer;
}

/** A containerd with the Container Runtime Interface on a private host, driven as kubelet does, and niwa-oci as its runtime. */
export class Cri {
  readonly host: PrivateHost;
  /** Has a directory for the output of each pod. */
  readonly #logs: string;
  readonly #cgroup: string;
  readonly #containerd: Containerd;
  readonly #rpc: Rpc;

  private constructor(host: PrivateHost, containerd: Containerd, { place }: Pick<Niwad, 'place'>) {
    this.host = host;
    this.#containerd = containerd;
    this.#logs = join(place.files, 'pods');
    this.#cgroup = place.cgroup;
    this.#rpc = new Rpc(containerd.socket);
  }

  /** Starts it with the bridge of its pods, and imports the image for pods and containers. */
  static async start(niwad: Pick<Niwad, 'place'>): Promise<Cri> {
    const host = await PrivateHost.start();
    const options = { launcher: host.launcher, namespace: NAMESPACE, cri: settings };
    const containerd = await Containerd.start(niwad, options).catch(async (cause) => {
      await host.end();
      throw cause;
    });
    const cri = new Cri(host, containerd, niwad);
    try {
      await vi.waitFor(async () => expect(await cri.#hasImage()).toBe(true), PATIENCE);
      return cri;
    } catch (cause) {
      throw new Error(await cri.end(), { cause });
    }
  }

  async #hasImage(): Promise<boolean> {
    const question = { image: { image: SHELL_IMAGE } };
    const { image } = await this.#rpc.call<{ image: object | null }>('ImageService', 'ImageStatus', question);
    return image !== null;
  }

  #call<Answer>(method: string, request: object): Promise<Answer> {
    return this.#rpc.call('RuntimeService', method, request);
  }

  /** Where the group of a pod is; with a controller in the root, since the interface asks for a weight of each pod. */
  groupOf(name: string): string | undefined {
    return 'cpu' in machine.missing ? undefined : `/${this.#cgroup}/pods/${name}`;
  }

  /**
   * Makes a pod.
   * @param more further fields of its config
   */
  async pod(name: string, more: object = {}): Promise<Pod> {
    const logDirectory = join(this.#logs, name);
    mkdirSync(logDirectory, { recursive: true });
    const linux = { cgroupParent: this.groupOf(name), securityContext: { namespaceOptions: { pid: 'CONTAINER' } } };
    const metadata = { name, uid: name, namespace: 'default' };
    const config = { metadata, hostname: name, logDirectory, linux, ...more };
    const request = { config, runtimeHandler: HANDLER };
    const { podSandboxId } = await this.#call<{ podSandboxId: string }>('RunPodSandbox', request);
    return { id: podSandboxId, config };
  }

  /** Gives whether a pod is ready, and its address. */
  async podStatus({ id }: Pod): Promise<PodStatus> {
    return (await this.#call<{ status: PodStatus }>('PodSandboxStatus', { podSandboxId: id })).status;
  }

  async stopPod({ id }: Pick<Pod, 'id'>): Promise<void> {
    await this.#call('StopPodSandbox', { podSandboxId: id });
  }

  /** Removes a pod with its containers. */
  async removePod({ id }: Pick<Pod, 'id'>): Promise<void> {
    await this.stopPod({ id });
    await this.#call('RemovePodSandbox', { podSandboxId: id });
  }

  /**
   * Makes a container in a pod, and starts it; gives its id. Its output goes to a file of its name.
   * @param linux its limits, and its namespaces: by default its PID namespace is its own
   */
  async container(pod: Pod, name: string, command: string[], linux: object = {}): Promise<string> {
    const own = { securityContext: { namespaceOptions: { pid: 'CONTAINER' } } };
    const config = {
      ...{ metadata: { name }, image: { image: SHELL_IMAGE }, command, logPath: `${name}.log` },
      linux: { ...own, ...linux },
    };
    const request = { podSandboxId: pod.id, config, sandboxConfig: pod.config };
    const { containerId } = await this.#call<{ containerId: string }>('CreateContainer', request);
    await this.#call('StartContainer', { containerId });
    return containerId;
  }

  /** The file with the output of a container. */
  logOf(pod: Pod, name: string): string {
    return join(this.#logs, pod.config.metadata.name, `${name}.log`);
  }

  async status(containerId: string): Promise<ContainerStatus> {
    return (await this.#call<{ status: ContainerStatus }>('ContainerStatus', { containerId })).status;
  }

  /** Waits until a container has ended; gives its exit status. */
  async exitOf(containerId: string): Promise<number> {
    await vi.waitFor(async () => expect((await this.status(containerId)).state).toBe('CONTAINER_EXITED'), PATIENCE);
    return (await this.status(containerId)).exitCode;
  }

  async stats(containerId: string): Promise<ContainerStats> {
    return (await this.#call<{ stats: ContainerStats }>('ContainerStats', { containerId })).stats;
  }

  async update(containerId: string, linux: object): Promise<void> {
    await this.#call('UpdateContainerResources', { containerId, linux });
  }

  /** Asks a container to end, and kills it after these seconds. */
  async stop(containerId: string, timeout: number): Promise<void> {
    await this.#call('StopContainer', { containerId, timeout });
  }

  async remove(containerId: string): Promise<void> {
    await this.#call('RemoveContainer', { containerId });
  }

  /** Runs a program in a container to its end. */
  async exec(containerId: string, ...cmd: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const { exitCode, stdout, stderr } = await this.#call<ExecEnd>('ExecSync', { containerId, cmd });
    return { exitCode, stdout: `${stdout}`.trimEnd(), stderr: `${stderr}`.trimEnd() };
  }

  /** Ends it with all its pods, and its host; gives what it has logged. */
  async end(): Promise<string> {
    const { items } = await this.#call<{ items: { id: string }[] }>('ListPodSandbox', {}).catch(() => ({ items: [] }));
    for (const pod of items) await this.removePod(pod);
    this.#rpc.close();
    const log = await this.#containerd.stop();
    await this.host.end();
    return log;
  }
}

/** The settings of the interface, for a runtime whose name is that of a RuntimeClass. */
function settings(runtime: string, directory: string): string {
  const bridge = join(directory, 'cni');
  mkdirSync(bridge);
  writeFileSync(join(bridge, '10-bridge.conflist'), JSON.stringify(network(directory)));
  const plugin = 'plugins."io.containerd.grpc.v1.cri"';
  return `
    [${plugin}]
    sandbox_image = ${JSON.stringify(SHELL_IMAGE)}
    disable_cgroup = ${'cpu' in machine.missing}
    restrict_oom_score_adj = true
    tolerate_missing_hugetlb_controller = true
    [${plugin}.cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = ${JSON.stringify(bridge)}
    [${plugin}.containerd]
    snapshotter = "native"
    default_runtime_name = "${HANDLER}"
    [${plugin}.containerd.runtimes.${HANDLER}]
    runtime_type = "io.containerd.runc.v2"
    pod_annotations = ["dev.niwa.*"]
    [${plugin}.containerd.runtimes.${HANDLER}.options]
    BinaryName = ${JSON.stringify(runtime)}`;
}

/** The network of the pods: a bridge, and published ports. */
function network(directory: string): object {
  const routes = [{ dst: '0.0.0.0/0' }];
  const ipam = { type: 'host-local', dataDir: join(directory, 'addresses'), subnet: `${SUBNET}.0/24`, routes };
  const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true, ipMasq: false, ipam };
  const ports = { type: 'portmap', capabilities: { portMappings: true } };
  return { cniVersion: '0.4.0', name: 'pods', plugins: [bridge, ports] };
}
