/**
 * What LocalForward, RemoteForward and DynamicForward say.
 *
 * Owns: the grammar of a forward, and the text of one.
 * Must not know: who listens.
 * Source: ssh_config(5), LocalForward; ssh(1), -L.
 */
import { portNumber, type Services } from './hosts.ts';

/** Where it listens, or where it leads. */
export type ForwardPlace =
  | { readonly path: string }
  | {
      /** Undefined where only a port is given. */
      readonly host: string | undefined;
      readonly port: number;
    };

/** A forward as it is written. */
export interface ForwardSpec {
  readonly listen: ForwardPlace;
  /** Undefined where the connecting program says it (SOCKS). */
  readonly connect: ForwardPlace | undefined;
}

export type ForwardKind = 'local' | 'remote' | 'dynamic' | 'remoteDynamic';

/** Bytes of a path of a unix socket, and of a name. */
const longestPath = 107;
const longestHost = 1024;

/** Reads a forward in one text: `[host:]port[:host:port]`, with a path in place of a host and a port; undefined for what is none. */
export function parseForward(text: string, kind: ForwardKind, services: Services): ForwardSpec | undefined {
  const fields = fieldsOf(text.replace(/^[ \t\n\v\f\r]+/, ''));
  if (fields === undefined) return undefined;
  const spec = specOf(fields, services);
  if (spec === undefined || !isWithinBounds(spec)) return undefined;
  const isRemote = kind === 'remote' || kind === 'remoteDynamic';
  const isDynamic = kind === 'dynamic' || kind === 'remoteDynamic';
  if (isDynamic !== (spec.connect === undefined)) return undefined;
  // The other side may choose a port; this one has to be told.
  if ('port' in spec.listen && spec.listen.port === 0 && !isRemote) return undefined;
  return spec;
}

interface Field {
  readonly text: string;
  readonly isPath: boolean;
}

function fieldsOf(text: string): readonly Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  while (fields.length < 4 && at < text.length) {
    const field = text[at] === '[' ? bracketField(text, at) : plainField(text, at);
    if (field === undefined) return undefined;
    fields.push(field);
    at = field.next;
  }
  return at < text.length ? undefined : fields;
}

/** What is in brackets stands for itself, colons included. */
function bracketField(text: string, start: number): (Field & { readonly next: number }) | undefined {
  const end = text.indexOf(']', start);
  if (end < 0 || !['', ':'].includes(text.charAt(end + 1))) return undefined;
  const inner = text.slice(start + 1, end);
  return { text: inner, isPath: inner.includes('/'), next: end + 2 };
}

function plainField(text: string, start: number): (Field & { readonly next: number }) | undefined {
  const parts: string[] = [];
  let isPath = false;
  let at = start;
  for (; at < text.length && text[at] !== ':'; at++) {
    // Behind a backslash everything stands for itself.
    const isEscaped = text[at] === '\\';
    if (isEscaped) at++;
    if (at === text.length) return undefined;
    if (text[at] === '/' && !isEscaped) isPath = true;
    parts.push(text.charAt(at));
  }
  return { text: parts.join(''), isPath, next: at + 1 };
}

function specOf(fields: readonly Field[], services: Services): ForwardSpec | undefined {
  const [first, second, third, fourth] = fields;
  const port = (field: Field): number => portNumber(field.text, services) ?? -1;
  const tcp = (host: Field, at: Field): ForwardPlace => ({ host: host.text, port: port(at) });
  const portOnly = (at: Field): ForwardPlace => ({ host: undefined, port: port(at) });
  const path = ({ text }: Field): ForwardPlace => ({ path: text });
  if (first === undefined) return undefined;
  if (second === undefined) {
    return { listen: first.isPath ? path(first) : portOnly(first), connect: undefined };
  }
  if (third === undefined) {
    if (first.isPath && second.isPath) return { listen: path(first), connect: path(second) };
    if (second.isPath) return { listen: portOnly(first), connect: path(second) };
    return { listen: tcp(first, second), connect: undefined };
  }
  if (fourth === undefined) {
    if (first.isPath) return { listen: path(first), connect: tcp(second, third) };
    if (third.isPath) return { listen: tcp(first, second), connect: path(third) };
    return { listen: portOnly(first), connect: tcp(second, third) };
  }
  return { listen: tcp(first, second), connect: tcp(third, fourth) };
}

function isWithinBounds({ listen, connect }: ForwardSpec): boolean {
  if (connect !== undefined && 'port' in connect && connect.port <= 0) return false;
  return [listen, connect].every((place) => {
    if (place === undefined) return true;
    if ('path' in place) return place.path.length <= longestPath;
    return place.port >= 0 && (place.host === undefined || place.host.length <= longestHost);
  });
}

/** A place as `ssh -G` prints it. */
export function forwardPlaceText(place: ForwardPlace): string {
  if ('path' in place) return place.path;
  return place.host === undefined ? `${place.port}` : `[${place.host}]:${place.port}`;
}
