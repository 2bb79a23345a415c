// @ts-check
// node --experimental-websocket websocket-client.mjs URL: connects, and prints each event as JSON with its time in
// milliseconds since the connection was open, until it is closed.
const socket = new /** @type {any} */ (globalThis).WebSocket(process.argv[2]);
let opened = performance.now();

/** @param {Record<string, unknown>} event */
const tell = (event) => console.log(JSON.stringify({ ...event, ms: Math.round(performance.now() - opened) }));

socket.addEventListener('open', () => {
  opened = performance.now();
  tell({ type: 'open' });
});
socket.addEventListener('message', (/** @type {{ data: string }} */ { data }) => tell({ type: 'message', data }));
socket.addEventListener('close', (/** @type {{ code: number, wasClean: boolean }} */ { code, wasClean }) =>
  tell({ type: 'close', code, wasClean }),
);
