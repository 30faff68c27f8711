/**
 * Steps that another user takes.
 *
 * Owns: that only root can say so, and that this process is itself again afterwards.
 * Must not know: what is tried.
 */

/** A user without rights, and without a name on most systems. */
export const nobody = 54_321;

/** Runs a step with the rights of another user of the system. Only root may. */
export async function asUser<T>(uid: number, step: () => Promise<T>): Promise<T> {
  const { seteuid, setegid } = process;
  if (seteuid === undefined || setegid === undefined) throw new Error('this system has no users');
  setegid(uid);
  seteuid(uid);
  try {
    return await step();
  } finally {
    seteuid(0);
    setegid(0);
  }
}
