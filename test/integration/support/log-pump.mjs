// @ts-check
// A daemon that does nothing but store logs and hear of it: node log-pump.mjs ADDON REQUEST [MILLISECONDS], the request
// as JSON. It says "ready" just before it begins, and ends after so long, or when it is killed.
import { createRequire } from 'node:module';

const [addon = '', request = '', milliseconds = '1000000000'] = process.argv.slice(2);
const native = createRequire(import.meta.url)(addon);
native.watch(() => native.watchLog(1));
process.stdout.write('ready');
native.openLog(1, JSON.parse(request));
native.watchLog(1);
setTimeout(() => {}, Number(milliseconds));
