// @ts-check
// `npm run pictures`: makes the pictures of README.md in docs/pictures from what a real niwad shows. The recording runs in
// the virtual machine, where containers have limits; it needs a quiet machine. --from FILE draws a kept recording again.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { setup } from '../setup.mjs';
import { lifeOfService } from './life.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const to = `${root}docs/pictures`;

/** Reads the line of the recording from the output of the machine. @param {string} output */
function recordingOf(output) {
  const line = output.split('\n').find((one) => one.startsWith('{"top"'));
  if (line === undefined) throw new Error(`the recording failed:\n${output}`);
  return JSON.parse(line);
}

async function record() {
  await setup({ vm: true, demo: true, pictures: true });
  const vm = `${root}test/vm/vm.mjs`;
  const recording = `${root}test/pictures/recording.mjs`;
  const { stdout } = await execa(process.execPath, [vm, '--', 'node', recording], { cwd: root, reject: false });
  return stdout;
}

/**
 * Draws a screen of a terminal by python3-rich.
 * @param {string} screen with escape sequences of colours
 * @param {string} title
 */
async function drawScreen(screen, title) {
  const program = `
import sys
from rich.console import Console
from rich.text import Text
console = Console(record=True, width=104, file=open('/dev/null', 'w'), color_system='truecolor', legacy_windows=False)
console.print(Text.from_ansi(sys.stdin.read()), no_wrap=True, crop=True)
sys.stdout.write(console.export_svg(title=sys.argv[1], unique_id='top'))
`;
  const { stdout } = await execa('/usr/bin/python3', ['-c', program, title], { input: screen.trimEnd() });
  // A space stays a space at the begin of a text.
  const svg = stdout.replace(/<svg ([^>]*)>/, `<svg xml:space="preserve" $1><title>${title}</title>`);
  const named = svg.replace('font-family: arial', 'font-family: arial, sans-serif');
  return `${named.replaceAll(/@font-face \{.*?\}\s*/gs, '')}\n`; // a picture asks nobody for fonts
}

const at = process.argv.indexOf('--from');
const output = at < 0 ? await record() : readFileSync(process.argv[at + 1] ?? '', 'utf8');
const { top, life } = recordingOf(output);
mkdirSync(to, { recursive: true });
writeFileSync(`${to}/top.svg`, await drawScreen(top, 'niwa top'));
writeFileSync(`${to}/service.svg`, lifeOfService(life));
console.log(`${to}/top.svg, ${to}/service.svg`);
