/**
 * What a program holds for each of many alike things, counted in snapshots of its heap.
 *
 * Owns: the parts of a snapshot that matter for that, and the difference of two.
 * Must not know: what the things are.
 */
import { getHeapSnapshot } from 'node:v8';

/** How many objects of a kind there are, and their bytes. */
interface Kind {
  count: number;
  bytes: number;
}

interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[];
      readonly node_types: readonly (readonly string[])[];
    };
  };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

/** All that is on the heap now; garbage is not. As bytes it is one object in the next one. */
export async function takeSnapshot(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of getHeapSnapshot()) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

/**
 * Bytes that each of `things` takes which came between two snapshots. Each has a whole
 * number of objects of a kind. What goes beyond that is of the engine or of all of them,
 * and is left out, so that the figure is the same in each run.
 */
export function bytesOfEach(before: Buffer, after: Buffer, things: number): number {
  const old = kindsIn(before);
  let bytes = 0;
  for (const [key, kind] of kindsIn(after)) {
    const { count, bytes: had } = old.get(key) ?? { count: 0, bytes: 0 };
    const came = kind.count - count;
    // A few of the things may have been finished a moment before or after.
    const each = Math.floor(came / things + 0.05);
    if (each > 0) bytes += (each * (kind.bytes - had)) / came;
  }
  return bytes;
}

/** What lies outside of the heap, what snapshots make up, and code that ran for the first time. */
const isOfTheEngine: ReadonlySet<string> = new Set(['native', 'synthetic', 'code', 'object shape']);

function kindsIn(text: Buffer): ReadonlyMap<string, Kind> {
  const { snapshot, nodes, strings } = JSON.parse(text.toString()) as Snapshot;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, name, size] = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field)) as [
    number,
    number,
    number,
  ];
  const kinds = new Map<string, Kind>();
  for (let i = 0; i < nodes.length; i += fields.length) {
    const what = types[0]?.[nodes[i + type] as number] as string;
    if (isOfTheEngine.has(what)) continue;
    // Texts differ from each other, and their kind does not.
    const key = what.includes('string') ? 'string' : `${what}: ${strings[nodes[i + name] as number]}`;
    const kind = kinds.get(key) ?? { count: 0, bytes: 0 };
    kind.count++;
    kind.bytes += nodes[i + size] as number;
    kinds.set(key, kind);
  }
  return kinds;
}
