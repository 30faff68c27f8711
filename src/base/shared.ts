/**
 * One object where many connections would each have an equal one.
 *
 * Owns: handing out the same object for the same key, and the bounds on what is
 * remembered for that. What is forgotten stays with those who have it; only later
 * ones do not share it.
 * Must not know: what the objects are. Nobody may change them, and none may be a secret.
 */

/** Peers make up keys: neither many nor long ones are kept for them. */
const mostRemembered = 64;
const longestKey = 4096;

/** Objects of one kind, each made once for its key. */
export class SharedObjects<T extends object> {
  private readonly known = new Map<string, T>();

  /** The object for `key`, which has to tell everything that is in it. */
  get(key: string, make: () => T): T {
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const made = make();
    if (key.length > longestKey) return made;
    if (this.known.size >= mostRemembered) this.known.clear();
    this.known.set(key, made);
    return made;
  }
}
