/**
 * A map that is hardly there while it is empty.
 *
 * Owns: making the map for the first entry and letting it go with the last. An
 * empty map of the engine's takes 184 bytes, and a connection that idles had seven.
 * Must not know: what is in it.
 */

/** As `Map`, for what is empty most of the time; not for a hot path, where it would be made again and again. */
export class LazyMap<Key, Value> {
  private map: Map<Key, Value> | undefined;

  get size(): number {
    return this.map?.size ?? 0;
  }

  get(key: Key): Value | undefined {
    return this.map?.get(key);
  }

  set(key: Key, value: Value): void {
    this.map ??= new Map();
    this.map.set(key, value);
  }

  /** @returns whether the entry was there */
  delete(key: Key): boolean {
    const { map } = this;
    if (map === undefined || !map.delete(key)) return false;
    if (map.size === 0) this.map = undefined;
    return true;
  }

  /** The value, which is in the map no longer. */
  take(key: Key): Value | undefined {
    const value = this.get(key);
    this.delete(key);
    return value;
  }

  /** The values as they are now, in the order in which they were put in. */
  values(): readonly Value[] {
    return this.map === undefined ? [] : [...this.map.values()];
  }

  clear(): void {
    this.map = undefined;
  }
}
