import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor } from 'rolldown/utils';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Import {
  /** A path such as `"src/spec/spec.ts"`. */
  from: string;
  /** Likewise; or a package, such as `"yaml"` or `"node:fs"`. */
  to: string;
  /** False where only types are imported: they are gone when the code runs. */
  loads: boolean;
}

/** Gives the text of a file of the project. */
export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Names all source files below a folder. */
export function sourceFiles(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return names
    .map((name) => join(folder, name))
    .filter((path) => /\.(ts|cc|c|h)$/.test(path))
    .sort();
}

/**
 * Gives all that a TypeScript file imports: statements, exports of others' names, `import()` of code and of types.
 * @throws Error where that cannot be told
 */
export function importsOf(from: string): Import[] {
  const { program, errors } = parseSync(from, readText(from));
  if (errors.length > 0) throw new Error(`${from}: ${errors[0]?.message}`);
  const found: Import[] = [];
  const add = (source: { type: string; value?: unknown } | null, loads: boolean) => {
    if (source === null) return; // an export of the file's own
    if (typeof source.value !== 'string') throw new Error(`${from}: an import whose name is computed`);
    found.push({ from, to: resolve(from, source.value), loads });
  };
  new Visitor({
    ImportDeclaration: ({ source, importKind }) => add(source, importKind !== 'type'),
    ExportNamedDeclaration: ({ source, exportKind }) => add(source, exportKind !== 'type'),
    ExportAllDeclaration: ({ source, exportKind }) => add(source, exportKind !== 'type'),
    ImportExpression: ({ source }) => add(source, true),
    TSExternalModuleReference: ({ expression }) => add(expression, true),
    TSImportType: ({ source }) => add(source, false),
  }).visit(program);
  return found;
}

/**
 * Gives the files of the project that a C or C++ file includes; those of the system are not listed.
 * @throws Error where that cannot be told
 */
export function includesOf(from: string): Import[] {
  const directives = readText(from).match(/^\s*#\s*(include|import).*$/gm) ?? [];
  return directives.flatMap((line) => {
    const [, name, isSystem] = /^\s*#include (?:"([^"]+)"|(<[^>]+>))/.exec(line) ?? [];
    if (isSystem !== undefined) return [];
    if (name === undefined) throw new Error(`${from}: ${line.trim()}`);
    return [{ from, to: join(dirname(from), name), loads: true }];
  });
}

/** The compiler is told the names of what it makes: "./spec.js" is spec.ts. */
function resolve(from: string, name: string): string {
  if (/^(\/|#|niwa(\/|$))/.test(name)) throw new Error(`${from}: ${name} is no relative path`);
  return name.startsWith('.') ? join(dirname(from), name).replace(/\.js$/, '.ts') : name;
}
