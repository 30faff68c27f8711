/** Files of this machine that change while they are sent: what arrives is one state of them, or nothing. */
import { utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nodeLocalFiles } from '../../../src/node/files/localFiles.ts';
import type { LocalFiles, LocalReader } from '../../../src/sftp/seam/localFiles.ts';
import { openMemory } from '../memory/channel.ts';
import { failureOf, LocalFolder } from './support.ts';

const length = 10_000;
const first = 'a'.repeat(length);
/** What the file may become. */
const changes: Readonly<Record<string, string>> = {
  'other bytes': 'b'.repeat(length),
  'a longer file': 'b'.repeat(length + 1),
  'a much longer file': 'b'.repeat(length + 3000),
  'a shorter file': 'b'.repeat(length - 1),
  'a much shorter file': 'b'.repeat(2000),
  'an empty file': '',
};

/** Local files where something happens right before each step of a reader. */
function watched(before: (step: number) => void): LocalFiles {
  let steps = 0;
  const watching =
    <Args extends readonly unknown[], T>(step: (...args: Args) => Promise<T>) =>
    (...args: Args): Promise<T> => {
      before(steps++);
      return step(...args);
    };
  return {
    ...nodeLocalFiles,
    openReader: async (path) => {
      const reader = await nodeLocalFiles.openReader(path);
      const own: LocalReader = {
        stat: watching(() => reader.stat()),
        read: watching((into, position) => reader.read(into, position)),
        readInto: watching((several, position) => reader.readInto(several, position)),
        close: () => reader.close(),
      };
      return own;
    },
  };
}

describe.each([false, true])('an upload of a file that changes, resumed: %s', (resume) => {
  it.each(Object.entries(changes))(
    'into %s gives one of the two states or fails, at whatever step',
    async (_, second) => {
      let failures = 0;
      for (let at = 0; ; at++) {
        const here = new LocalFolder();
        here.file('f', first);
        utimesSync(here.at('f'), 1000, 1000);
        let reached = 0;
        const change = (step: number): void => {
          reached = step;
          if (step !== at) return;
          writeFileSync(here.at('f'), second);
          // The clock of a file system may stand still for some milliseconds.
          utimesSync(here.at('f'), 2000, 2000);
        };
        const { sftp, files, server, channel } = await openMemory({
          local: watched(change),
          server: { blockLength: 1024 },
          limits: { sftpBytesInFlight: 2048 },
        });
        files.file('/t', 'old');
        if (resume) files.file('/.t.deadline-part', first.slice(0, 6000));
        const error = await sftp.put(here.at('f'), '/t', { resume }).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        await channel.rest();
        expect(server.handles.size).toBe(0);
        if (error === undefined) expect([first, second]).toContain(files.text('/t'));
        else {
          failures++;
          expect(error).toMatchObject({
            code: 'ERR_SSH_TRANSFER',
            path: here.at('f'),
            message: expect.stringContaining(`"${here.at('f')}" changed while it was sent`),
          });
          expect(files.text('/t')).toBe('old');
          // What is left of it does no harm to who goes on.
          await sftp.put(here.at('f'), '/t', { resume: true });
          expect(files.text('/t')).toBe(second);
        }
        if (reached < at) break;
      }
      expect(failures).toBeGreaterThan(1);
    },
  );

  it('by its time alone fails as well: it may have been written in the same place', async () => {
    const here = new LocalFolder();
    here.file('f', first);
    utimesSync(here.at('f'), 1000, 1000);
    const { sftp, files } = await openMemory({
      local: watched((step) => {
        if (step > 1) utimesSync(here.at('f'), 2000, 2000);
      }),
      server: { blockLength: 1024 },
      limits: { sftpBytesInFlight: 2048 },
    });
    if (resume) files.file('/.t.deadline-part', first.slice(0, 6000));
    expect((await failureOf(sftp.put(here.at('f'), '/t', { resume }))).message).toContain(
      'changed while it was sent',
    );
    expect(files.text('/t')).toBeUndefined();
  });
});
