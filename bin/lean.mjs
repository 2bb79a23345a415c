// Makes bundles that are loaded faster.

/** Modules of Node.js that the packages load at once, and that niwad and niwa use seldom or never. */
const SELDOM = ['assert', 'cluster', 'dgram', 'dns', 'http2', 'https', 'perf_hooks', 'stream/consumers', 'tty'];
const REQUIRE = new RegExp(
  `^(\\s*(?:(?:const|let) )?\\w+ = )require\\("((?:node:)?(?:${SELDOM.join('|')}))"\\);$`,
  'gm',
);
const NOT_ASCII = /[^ -~\t\n\r]/g;
/** Such a character after a backslash that is not itself escaped: with `\\u...` in its place the text would be another. */
const ESCAPED = /(?<!\\)(?:\\\\)*\\[^ -~\t\n\r]/;
const LAZY = `function requireLazily(load) {
	let module;
	const loaded = () => (module ??= load());
	return new Proxy(() => {}, {
		get: (_, name) => loaded()[name],
		apply: (_, __, [value, ...rest]) => value || loaded()(value, ...rest)
	});
}
`;

/**
 * Makes a plugin of rolldown that changes the text of a bundle:
 *
 * - Modules of Node.js that are seldom used are loaded when one of their members is first used. A module that is called
 *   as a function is `assert`, which has nothing to do for a value that is true.
 * - All characters are ASCII, others are escaped: V8 keeps a text with one other character in twice as many bytes.
 */
export function lean() {
  return {
    name: 'lean',
    /** @param {object} _options @param {Record<string, { code?: string }>} bundle */
    generateBundle(_options, bundle) {
      for (const chunk of Object.values(bundle)) if (chunk.code !== undefined) chunk.code = leaner(chunk.code);
    },
  };
}

/** @param {string} code */
function leaner(code) {
  const [escaped] = ESCAPED.exec(code) ?? [];
  if (escaped !== undefined) throw new Error(`a bundle cannot be made ASCII, since it has ${JSON.stringify(escaped)}`);
  const lazy = code.replace(REQUIRE, '$1requireLazily(() => require("$2"));');
  return lazy.replace(NOT_ASCII, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`) + LAZY;
}
