/** A server that falls silent within an answer, after any of its bytes, in virtual time. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { SshError } from '../../../src/base/errors.ts';
import type { Sftp } from '../../../src/sftp/sftp.ts';
import { openMemory } from '../memory/channel.ts';
import { LocalFolder } from './support.ts';

/** File descriptors of this process. */
const descriptors = (): number => readdirSync('/proc/self/fd').length;

const work: Readonly<Record<string, (sftp: Sftp, here: LocalFolder) => Promise<unknown>>> = {
  get: (sftp, here) => sftp.get('/f', here.at('got')),
  put: (sftp, here) => sftp.put(here.at('source'), '/t'),
  list: async (sftp) => {
    for await (const _ of sftp.opendir('/d'));
  },
  readFile: (sftp) => sftp.readFile('/f'),
  rename: (sftp) => sftp.rename('/f', '/g'),
};

describe.each(Object.entries(work))('row 62: a server that falls silent during %s', (name, step) => {
  it('after any byte ends it by a deadline, whose error names the request and the file, and nothing is left open', async () => {
    for (let allowed = 0; ; allowed++) {
      const here = new LocalFolder();
      here.file('source', 'some bytes');
      const { sftp, files, channel } = await openMemory({ extensions: ['posix-rename@openssh.com'] });
      files.file('/f', 'content');
      files.file('/d/in', 'x');
      files.file('/t', 'old');
      await channel.rest();
      const before = descriptors();
      let left = allowed;
      let isSilent = false;
      const take = channel.take.bind(channel);
      channel.take = () => {
        const chunk = take();
        if (chunk === undefined) return undefined;
        const passed = chunk.subarray(0, left);
        left -= passed.length;
        isSilent ||= passed.length < chunk.length;
        return passed;
      };
      let isDone = false;
      const outcome = step(sftp, here)
        .then(
          () => undefined,
          (error: SshError) => error,
        )
        .finally(() => {
          isDone = true;
        });
      // Local files take their own time; what waits for the silent server is over at once.
      for (let round = 0; round < 5000 && !isDone; round++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (isSilent) channel.pass(15_000);
      }
      expect(isDone, `${name} after ${allowed} bytes`).toBe(true);
      const error = await outcome;
      if (error !== undefined) {
        expect(error).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'request', host: 'memory' });
        expect(error.message).toMatch(/^[a-z]+ "\/.*" on memory:22: the server did not answer within 15000 ms$/);
        expect(error.path).toMatch(/^\//);
      }
      await channel.rest();
      channel.pass(60_000);
      expect(channel.waits.list().map(({ detail }) => detail)).toEqual([]);
      expect(descriptors()).toBeLessThanOrEqual(before);
      // The old file or the new one, and never a part of it.
      expect(['old', 'some bytes']).toContain(files.text('/t'));
      if (here.tree()['got'] !== undefined) expect(here.text('got')).toBe('content');
      if (!isSilent) break;
    }
  });
});
