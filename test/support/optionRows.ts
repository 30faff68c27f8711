/**
 * Values of every kind, given to one option after the other.
 *
 * Owns: the values, how a message names each, and the check that an option takes
 * exactly the kinds that its row says.
 * Must not know: any option.
 */
import { expect } from 'vitest';
import { SshError } from '../../src/base/errors.ts';

/** The kinds of value that a program without types may give. */
export type Kind =
  | 'nothing'
  | 'number'
  | 'zero'
  | 'fraction'
  | 'negative'
  | 'notANumber'
  | 'endless'
  | 'text'
  | 'digits'
  | 'emptyText'
  | 'yes'
  | 'no'
  | 'bytes'
  | 'list'
  | 'object'
  | 'date'
  | 'function'
  | 'promise'
  | 'symbol'
  | 'bigint';

/** A value of each kind that a program without types may give, and how a message names it: shown, or by its type. */
export const values: Readonly<Record<Kind, readonly [value: unknown, shown: string, type: string]>> = {
  nothing: [null, 'null', 'null'],
  number: [5, '5', 'a number'],
  zero: [0, '0', 'a number'],
  fraction: [1.5, '1.5', 'a number'],
  negative: [-1, '-1', 'a number'],
  notANumber: [Number.NaN, 'NaN', 'a number'],
  endless: [Number.POSITIVE_INFINITY, 'Infinity', 'a number'],
  text: ['words', 'the string "words"', 'a string'],
  digits: ['22', 'the string "22"', 'a string'],
  emptyText: ['', 'an empty string', 'a string'],
  yes: [true, 'true', 'a boolean'],
  no: [false, 'false', 'a boolean'],
  bytes: [Uint8Array.of(1, 2, 3), 'a Uint8Array', 'a Uint8Array'],
  list: [[], 'an array', 'an array'],
  object: [{}, 'an object', 'an object'],
  date: [new Date(), 'a Date', 'a Date'],
  function: [() => undefined, 'a function', 'a function'],
  promise: [Promise.resolve('words'), 'a promise (await it first)', 'a promise (await it first)'],
  symbol: [Symbol('words'), 'a symbol', 'a symbol'],
  bigint: [22n, 'the bigint 22n', 'a bigint'],
};

export const allKinds: readonly Kind[] = Object.keys(values) as Kind[];

/** For each option, the kinds that it takes. */
export type Rows<Options> = { readonly [Name in keyof Required<Options>]: readonly Kind[] };

export const numbers: readonly Kind[] = ['number', 'zero', 'fraction', 'negative', 'notANumber', 'endless'];
export const texts: readonly Kind[] = ['text', 'digits'];
export const anyText: readonly Kind[] = [...texts, 'emptyText'];
export const flags: readonly Kind[] = ['yes', 'no'];
export const milliseconds: readonly Kind[] = ['number', 'fraction', 'endless'];
/** Options of their own; a Date is an object without any. */
export const objects: readonly Kind[] = ['object', 'date'];

/** What is said of bad options. */
export interface Refusal {
  readonly code: string;
  readonly phase: string;
  readonly origin: string;
  /** Without the target of a client that is connected. */
  readonly message: string;
}

/** What a call with these options comes to: the error of its options, or undefined. */
export async function refusalOf(call: () => unknown): Promise<Refusal | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    // Whatever else may go wrong with it, it is an error of this library.
    expect(error).toBeInstanceOf(SshError);
    if (!(error instanceof SshError) || error.code !== 'ERR_SSH_OPTIONS') return undefined;
    const { code, phase, origin, message } = error;
    return { code, phase, origin, message: message.replace(/^(?:server|a):22: /, '') };
  }
}

/** Gives one option after the other a value of each kind. */
export async function checkRows<Options>(
  rows: Rows<Options>,
  call: (options: Options) => unknown,
  { prefix = '', rest = {} }: { readonly prefix?: string; readonly rest?: object } = {},
): Promise<void> {
  for (const [name, takes] of Object.entries<readonly Kind[]>(rows)) {
    for (const kind of allKinds) {
      const [value, shown, type] = values[kind];
      const refusal = await refusalOf(() => call({ ...rest, [name]: value } as Options));
      const isRefused = refusal?.message.startsWith(`${prefix}${name} must be `) ?? false;
      expect([name, kind, isRefused]).toEqual([name, kind, !takes.includes(kind)]);
      if (!isRefused) continue;
      expect(refusal).toMatchObject({ phase: 'options', origin: 'user' });
      expect([`not ${shown}`, `not ${type}`]).toContain(
        refusal?.message.slice(refusal.message.lastIndexOf('not ')),
      );
    }
    if (name in rest) continue;
    // As if it had not been given.
    const refusal = await refusalOf(() => call({ ...rest, [name]: undefined } as Options));
    expect(refusal?.message ?? '').not.toContain(`${prefix}${name} must be`);
  }
  await checkNames(call, prefix, rest);
}

/** Names that nobody knows, and what is no set of options at all. */
export async function checkNames<Options>(
  call: (options: Options) => unknown,
  prefix: string,
  rest: object,
): Promise<void> {
  for (const name of ['nonsense', 'constructor', 'toString', 'hasOwnProperty', '__proto__x']) {
    for (const value of [1, undefined]) {
      const refusal = await refusalOf(() => call({ ...rest, [name]: value } as Options));
      expect(refusal?.message).toContain(`there is no option "${prefix}${name}"`);
    }
  }
}

export async function checkSets<Options>(
  call: (options: Options) => unknown,
  takes: readonly Kind[] = objects,
): Promise<void> {
  for (const kind of allKinds) {
    const [value, shown, type] = values[kind];
    const refusal = await refusalOf(() => call(value as Options));
    const isRefused = /must be an object|takes an object/.test(refusal?.message ?? '');
    expect([kind, isRefused]).toEqual([kind, !takes.includes(kind)]);
    if (!isRefused) continue;
    const said = refusal?.message.slice(refusal.message.lastIndexOf('not ')).split(';')[0];
    expect([`not ${shown}`, `not ${type}`]).toContain(said);
  }
}

/** Gives an argument a value of each kind. */
export async function checkArgument(takes: readonly Kind[], call: (value: never) => unknown): Promise<void> {
  for (const kind of [...allKinds, 'undefined' as const]) {
    const [value, shown, type] = kind === 'undefined' ? [undefined, 'undefined', 'undefined'] : values[kind];
    const refusal = await refusalOf(() => call(value as never));
    const said = refusal?.message.slice(refusal.message.lastIndexOf('not ')) ?? '';
    const isRefused = said === `not ${shown}` || said === `not ${type}`;
    expect([kind, isRefused, refusal?.message]).toEqual([
      kind,
      !(takes as readonly string[]).includes(kind),
      refusal?.message,
    ]);
  }
}
