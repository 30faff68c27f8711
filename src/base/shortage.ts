/**
 * What this process or its machine has too little of.
 *
 * Owns: the errors of the system that say so, and what a person can do about it.
 * Must not know: what was being done.
 */

const shortages: Readonly<Record<string, string>> = {
  EMFILE: 'this process has no file descriptors left: close some, or raise its limit (ulimit -n)',
  ENFILE: 'this machine has no file descriptors left',
  EADDRNOTAVAIL: 'the local address is not one of this machine, or its ports are used up',
  ENOBUFS: 'the system has no buffers left',
  ENOMEM: 'the system has no memory left',
};

/** The shortage that an error of the system tells of; undefined for any other error. */
export function shortageIn(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' && Object.hasOwn(shortages, code) ? shortages[code] : undefined;
}

/** `: why; what to do` of an error, to stand behind a sentence that says what failed. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const shortage = shortageIn(error);
  return `: ${error.message}${shortage === undefined ? '' : `; ${shortage}`}`;
}
