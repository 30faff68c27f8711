/**
 * How many handles are open.
 *
 * Owns: the count of a session, the bound on it that a server tells or that its answers
 * teach, telling those who wait that one was closed.
 * Must not know: files.
 */

export class HandleLedger {
  /** Handles that are open or asked for. */
  open = 0;
  /** Those that the server has given and that are not closed, each with what it is of. */
  private readonly given = new Map<Uint8Array, string>();
  /** Those of them that the caller's own code has, and closes whenever it likes. */
  private readonly callers = new Set<Uint8Array>();
  /** As the server tells. */
  told: number = Number.POSITIVE_INFINITY;
  /** With more than this open the server has refused, and with so many not. */
  private proven: number = Number.POSITIVE_INFINITY;
  /** With so many open the server has refused, for whatever reason. */
  private suspected: number = Number.POSITIVE_INFINITY;
  /** How many were given so far. */
  grants = 0;
  /** How many were asked for so far. */
  asks = 0;
  /** Nobody asks for one in turn now: the server is being tried. */
  isHeldBack = false;
  private readonly waiting = new Set<() => void>();
  private readonly awaitedListeners = new Set<() => void>();

  /** Handles that the server has given and that are not closed. */
  get held(): number {
    return this.given.size;
  }

  /** Those of them that the caller's own code has. */
  get heldByCaller(): number {
    return this.callers.size;
  }

  /** Paths of what is open. */
  get paths(): readonly string[] {
    return [...this.given.values()];
  }

  /** Handles that may be open at once, as far as is known. */
  get limit(): number {
    return Math.min(this.told, this.proven, this.suspected);
  }

  /** Another one would be one too many. */
  get isFull(): boolean {
    return this.open > 0 && this.open >= this.limit;
  }

  /** Those that are asked for and not answered yet. */
  get inFlight(): number {
    return this.open - this.given.size;
  }

  /** Counts one in that is asked for. */
  asked(): void {
    this.open++;
    this.asks++;
  }

  /**
   * For one that has just been counted in. What is returned tells how many others may have been
   * open from then on to the moment in which it is called: never too few.
   */
  countOthers(): () => number {
    const { open, asks } = this;
    return () => open - 1 + this.asks - asks;
  }

  /** Has those who ask in turn wait. */
  holdBack(): void {
    this.isHeldBack = true;
  }

  /** Lets those go on that were held back. */
  letGo(): void {
    this.isHeldBack = false;
    this.wake();
  }

  /** It was given; `isCallers` to the caller's own code. */
  opened(handle: Uint8Array, path: string, isCallers: boolean = false): void {
    this.grants++;
    this.given.set(handle, path);
    if (isCallers) this.callers.add(handle);
    if (this.isHeldBack) this.wake();
  }

  /** Counts one out that was not given; who waits looks again. */
  refused(): void {
    this.open--;
    this.wake();
  }

  /** Counts one out that was given. */
  closed(handle: Uint8Array): void {
    this.given.delete(handle);
    this.callers.delete(handle);
    this.refused();
  }

  /** The server refused one while so many were held: there may be no more. */
  suspect(held: number): void {
    this.suspected = Math.min(this.suspected, held);
  }

  /** The same was given once another one was closed: there are no more. */
  prove(): void {
    this.proven = Math.min(this.proven, this.suspected);
    this.suspected = Number.POSITIVE_INFINITY;
  }

  /** It was refused with none held as well: it has another reason. */
  acquit(): void {
    this.suspected = Number.POSITIVE_INFINITY;
  }

  /** Somebody waits for one to be closed: a call that holds one while it waits for others should not. */
  get isAwaited(): boolean {
    return this.waiting.size > 0;
  }

  /** Calls back when somebody begins to wait. Returns what takes the listener back. */
  onAwaited(listener: () => void): () => void {
    this.awaitedListeners.add(listener);
    return () => this.awaitedListeners.delete(listener);
  }

  /** Calls back once when one is counted out, or when those held back may go on. Returns what takes the listener back. */
  onNextClose(listener: () => void): () => void {
    this.waiting.add(listener);
    for (const told of this.awaitedListeners) told();
    return () => this.waiting.delete(listener);
  }

  /** The session has ended: nobody waits for a turn any more. */
  end(): void {
    this.told = Number.POSITIVE_INFINITY;
    this.proven = Number.POSITIVE_INFINITY;
    this.suspected = Number.POSITIVE_INFINITY;
    this.letGo();
  }

  private wake(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const listener of waiting) listener();
  }
}
