/**
 * Code that is loaded when a negotiated algorithm first needs it.
 *
 * Owns: the slot that holds such code, and its one state: there or not.
 * Must not know: what the code computes.
 */
import { SshError } from '../../base/errors.ts';
import { reasonOf } from '../../base/shortage.ts';

/** What `loaderFor` needs to know of a slot. */
export interface Loadable {
  readonly ready: boolean;
  /** Rejects with `ERR_SSH_CRYPTO` where the code is missing or broken; may be tried again. */
  load(): Promise<void>;
}

/**
 * A place for a module's functions. Arithmetic is synchronous, loading is not:
 * `load` is awaited once between negotiation and first use, `use` never waits.
 */
export interface Slot<T> extends Loadable {
  /** @throws SshError `ERR_SSH_INTERNAL` where nobody awaited the loader */
  use(): T;
}

/** A slot that a dynamic import fills, or `fill` where the module was imported statically. */
export class ImportedSlot<T> implements Slot<T> {
  private value: T | undefined;
  private readonly name: string;
  private readonly importer: () => Promise<T>;

  constructor(name: string, importer: () => Promise<T>) {
    this.name = name;
    this.importer = importer;
  }

  get ready(): boolean {
    return this.value !== undefined;
  }

  use(): T {
    if (this.value !== undefined) return this.value;
    throw new SshError(
      'ERR_SSH_INTERNAL',
      `the code for ${this.name} is used before it is loaded; await loaderFor(algorithm) first`,
      { origin: 'local' },
    );
  }

  fill(value: T): void {
    this.value = value;
  }

  async load(): Promise<void> {
    if (this.value !== undefined) return;
    try {
      this.value = await this.importer();
    } catch (cause) {
      throw new SshError(
        'ERR_SSH_CRYPTO',
        `the code for ${this.name} could not be loaded${reasonOf(cause)}`,
        {
          origin: 'local',
          cause,
        },
      );
    }
  }
}

/** A slot for functions of the runtime, tried when they are first wanted, with another for where it lacks them. */
export class PreferredSlot<T> implements Slot<T> {
  private chosen: Slot<T> | undefined;
  private readonly value: T;
  private readonly works: (value: T) => boolean;
  private readonly fallback: Slot<T>;

  /** @param works whether the runtime has what `value` calls; throwing is a no */
  constructor(value: T, works: (value: T) => boolean, fallback: Slot<T>) {
    this.value = value;
    this.works = works;
    this.fallback = fallback;
  }

  get ready(): boolean {
    return this.choice().ready;
  }

  use(): T {
    return this.choice().use();
  }

  load(): Promise<void> {
    return this.choice().load();
  }

  private choice(): Slot<T> {
    this.chosen ??= this.isThere() ? filledSlot(this.value) : this.fallback;
    return this.chosen;
  }

  private isThere(): boolean {
    try {
      return this.works(this.value);
    } catch {
      return false;
    }
  }
}

/** A slot whose code is there already. */
export function filledSlot<T>(value: T): Slot<T> {
  return { ready: true, use: () => value, load: () => Promise.resolve() };
}
