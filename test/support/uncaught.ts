/**
 * What nobody caught: exceptions and rejections that would end a process.
 *
 * Owns: the listening for them in place of the test runner, for the time of a test.
 * Must not know: what is tested.
 */

export interface Uncaught {
  readonly exceptions: readonly unknown[];
  readonly rejections: readonly unknown[];
}

/** Runs a story and tells what of it would have ended a process. What the story throws is thrown. */
export async function uncaughtIn(story: () => Promise<void>): Promise<Uncaught> {
  const exceptions: unknown[] = [];
  const rejections: unknown[] = [];
  const restore = [
    takeOver('uncaughtException', (error) => exceptions.push(error)),
    takeOver('unhandledRejection', (reason) => rejections.push(reason)),
  ];
  try {
    await story();
    // Both are told when all that is ready has run.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  } finally {
    for (const each of restore) each();
  }
  return { exceptions, rejections };
}

function takeOver(
  event: 'uncaughtException' | 'unhandledRejection',
  listener: (what: unknown) => void,
): () => void {
  const theirs = process.listeners(event as 'uncaughtException');
  process.removeAllListeners(event);
  process.on(event, listener);
  return () => {
    process.off(event, listener);
    for (const each of theirs) process.on(event as 'uncaughtException', each);
  };
}
