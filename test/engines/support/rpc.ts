import { fileURLToPath } from 'node:url';
import { Client, credentials } from '@grpc/grpc-js';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';

const PROTOCOL = fileURLToPath(new URL('cri.proto', import.meta.url));

/** Numbers of 64 bits become those of JavaScript; what an answer leaves out is zero, empty or null. */
const DEFINITIONS = loadSync(PROTOCOL, { longs: Number, enums: String, defaults: true });

/** The path of a socket at which containerd speaks the Container Runtime Interface, of which cri.proto has a part. */
export class Rpc {
  readonly #client: Client;

  constructor(socket: string) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure());
  }

  /**
   * Makes a call.
   * @param service its name in cri.proto
   * @param method its name in cri.proto
   * @param request fields of its message, in camel case
   * @returns the fields of the answer, in camel case
   * @throws Error with the status of gRPC as `code`, and what containerd says
   */
  call<Answer>(service: 'RuntimeService' | 'ImageService', method: string, request: object): Promise<Answer> {
    const { [method]: definition } = DEFINITIONS[`runtime.v1.${service}`] as ServiceDefinition;
    if (definition === undefined) throw new Error(`cri.proto has no ${method}`);
    const { path, requestSerialize, responseDeserialize } = definition;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) =>
        error === null ? resolve(answer as Answer) : reject(error),
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}
