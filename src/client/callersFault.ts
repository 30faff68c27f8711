/**
 * What the caller's own code throws during a call.
 *
 * Owns: telling it apart from this library's errors, so that it comes back to
 * the caller as it is, whatever it is.
 * Must not know: which code, which call.
 */

/** Around a thrown value on its way back. */
export class CallersFault {
  readonly thrown: unknown;

  constructor(thrown: unknown) {
    this.thrown = thrown;
  }
}
