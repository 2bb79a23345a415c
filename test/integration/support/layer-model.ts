import type { Written } from '../../unit/images/make-tar.js';

/**
 * What layers say, in the plainest way: a tree in memory, to which the members of each layer are applied in their
 * order.
 */

export interface Node {
  type: 'd' | 'f' | 'l';
  mode: number;
  uid: number;
  /** Seconds; null where nothing says it. */
  mtime: number | null;
  /** Of a file: what tells its contents apart. */
  size: number;
  /** Of a link. */
  target: string;
  /** Whether the layer that is being applied has it: its whiteouts hide what is below, nothing of its own. */
  own: boolean;
  children: Map<string, Node>;
}

/** The layer says two things that cannot both be. */
class Contradiction extends Error {}

export const emptyRoot = (): Node => newNode('d', { mode: 0o755, mtime: null });

function newNode(type: Node['type'], fields: Partial<Node> = {}): Node {
  return { type, mode: 0o755, uid: 0, mtime: 0, size: 0, target: '', own: true, children: new Map(), ...fields };
}

/**
 * Applies the members of a layer in their order, but for those that contradict others: gives the tree, and the rest.
 */
export function applyLayer(root: Node, members: readonly Written[]): { root: Node; applied: Written[] } {
  let tree = structuredClone(root);
  disown(tree);
  tree.own = true;
  const applied = members.filter((member) => {
    const next = structuredClone(tree);
    try {
      apply(next, member);
    } catch (error) {
      if (error instanceof Contradiction) return false;
      throw error;
    }
    tree = next;
    return true;
  });
  return { root: tree, applied };
}

function disown(node: Node): void {
  node.own = false;
  for (const child of node.children.values()) disown(child);
}

function apply(root: Node, { path, type = '0', mode = 0o644, uid = 0, mtime = 0, data = '', target = '' }: Written) {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const name = parts.pop();
  const status = { mode, uid, mtime };
  if (name === undefined) return void Object.assign(root, status);
  const parent = directoryAt(root, parts);
  if (name === '.wh..wh..opq') return prune(parent);
  if (name.startsWith('.wh.')) return hide(parent, name.slice('.wh.'.length));
  const there = parent.children.get(name);
  if (type === '5') return void parent.children.set(name, Object.assign(asDirectory(there), status));
  // A link is to what is there before anything is replaced.
  const linked = type === '1' ? linkTarget(root, target) : undefined;
  if (linked !== undefined && linked === there) throw new Contradiction('a link to itself');
  if (there?.type === 'd' && there.own) throw new Contradiction('a directory is in the way');
  if (linked !== undefined) parent.children.set(name, { ...linked, own: true });
  else if (type === '2') parent.children.set(name, newNode('l', { ...status, mode: 0o777, target }));
  else parent.children.set(name, newNode('f', { ...status, size: data.length }));
}

function asDirectory(there: Node | undefined): Node {
  return there?.type === 'd' ? Object.assign(there, { own: true }) : newNode('d', { mtime: null });
}

/** Goes to a directory, through links, and makes what is missing of it. */
function directoryAt(root: Node, path: readonly string[]): Node {
  const todo = [...path];
  const way = [root];
  for (let steps = 0; ; steps++) {
    const at = way.at(-1) ?? root;
    const name = todo.shift();
    if (name === undefined) return at;
    if (steps > 100) throw new Contradiction('links without end');
    if (name === '..') {
      if (way.length > 1) way.pop();
      continue;
    }
    const there = at.children.get(name);
    if (there?.type === 'l') {
      todo.unshift(...there.target.split('/').filter((part) => part !== '' && part !== '.'));
      if (there.target.startsWith('/')) way.splice(1);
      continue;
    }
    if (there?.type === 'f' && there.own) throw new Contradiction('a file is in the way');
    const next = asDirectory(there);
    at.children.set(name, next);
    way.push(next);
  }
}

function linkTarget(root: Node, target: string): Node {
  const parts = target.split('/');
  const node = directoryAt(root, parts.slice(0, -1)).children.get(parts.at(-1) ?? '');
  if (node === undefined || node.type === 'd') throw new Contradiction('a link to nothing, or to a directory');
  node.own = true;
  return node;
}

function hide(parent: Node, name: string): void {
  const there = parent.children.get(name);
  if (there === undefined) return;
  if (!there.own) parent.children.delete(name);
  else prune(there);
}

/** Takes away what the layer that is being applied has not made. */
function prune(node: Node): void {
  for (const [name, child] of node.children) {
    if (!child.own) node.children.delete(name);
    else prune(child);
  }
}

/** Lines of all that is in the tree, one for each name. */
export function linesOf(node: Node, path = '.'): string[] {
  const { type, mode, uid, mtime, size, target } = node;
  const about = [path, type, mode.toString(8), uid, mtime ?? '-', type === 'f' ? size : '-', target];
  return [about.join(' '), ...[...node.children].flatMap(([name, child]) => linesOf(child, `${path}/${name}`))];
}
