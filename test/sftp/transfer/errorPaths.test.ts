/** Whatever goes wrong with a transfer, its error names the file that was asked for, and no other. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SshError } from '../../../src/base/errors.ts';
import { nodeLocalFiles } from '../../../src/node/files/localFiles.ts';
import type { TransferOptions } from '../../../src/sftp/transfer/options.ts';
import { openMemory } from '../memory/channel.ts';
import { bytes } from '../memory/server.ts';
import { statusOf } from '../support.ts';
import { failureOf, LocalFolder } from './support.ts';

describe('the error of an upload that is written beside its target', () => {
  /** Ways to begin: what is on the server, and the options. */
  const stories: Readonly<
    Record<string, { readonly there: readonly string[]; readonly options: TransferOptions }>
  > = {
    'of a new file': { there: [], options: {} },
    'of a file that is replaced': { there: ['/d/t'], options: {} },
    'of a part that is gone on with': { there: ['/d/.t.deadline-part'], options: { resume: true } },
    'beside the part of another': { there: ['/d/.t.deadline-part'], options: {} },
    'with a hash': { there: [], options: { verify: 'sha256', preserve: true } },
  };

  it.each(Object.entries(stories))(
    '%s names the file that was asked for, whichever request fails',
    async (_, story) => {
      const here = new LocalFolder();
      here.file('f', Buffer.alloc(100_000, 'x'));
      const failing = async (
        number: number,
        code: number | 'silence' | undefined,
      ): Promise<SshError | undefined> => {
        let count = 0;
        const session = await openMemory({
          extensions: number % 2 === 0 ? [] : ['posix-rename@openssh.com'],
          run: async () => ({ code: 1, signal: undefined, stdout: '' }),
          answer: () =>
            count++ !== number || code === undefined ? undefined : code === 'silence' ? code : statusOf(code),
        });
        session.files.folder('/d');
        for (const path of story.there) session.files.file(path, 'x'.repeat(1000));
        count = 0;
        let isDone = false;
        const failure = session.sftp
          .put(here.at('f'), '/d/t', story.options)
          .then(
            () => undefined,
            (error: SshError) => error,
          )
          .finally(() => {
            isDone = true;
          });
        for (let round = 0; code === 'silence' && round < 200 && !isDone; round++) {
          await session.channel.rest();
          await new Promise((resolve) => setTimeout(resolve, 1));
          if (round > 20) session.channel.pass(5_000);
        }
        const error = await failure;
        requests = Math.max(requests, count);
        return error;
      };
      let requests = 0;
      await failing(Number.POSITIVE_INFINITY, undefined);
      let failures = 0;
      for (let number = 0; number < requests; number++) {
        for (const code of [number % 2 === 0 ? 4 : 3, ...(number % 4 === 0 ? ['silence' as const] : [])]) {
          const error = await failing(number, code);
          if (error === undefined) continue;
          failures++;
          expect([number, code, error.message]).toEqual([
            number,
            code,
            expect.not.stringContaining('deadline-part'),
          ]);
          expect(['/d/t', here.at('f')]).toContain(error.path);
        }
      }
      expect(failures).toBeGreaterThan(3);
    },
  );

  it('says so where the folder is missing, and where the rename is refused', async () => {
    const { sftp } = await openMemory();
    expect(await failureOf(sftp.put(bytes('x'), '/none/t'))).toMatchObject({
      path: '/none/t',
      message: expect.stringMatching(/^open "\/none\/t" on memory:22: no such file or folder/),
    });
    const refusing = await openMemory({
      extensions: [],
      answer: ({ kind }) => (kind === 'rename' ? statusOf(4) : undefined),
    });
    expect(await failureOf(refusing.sftp.put(bytes('x'), '/t'))).toMatchObject({
      path: '/t',
      message: expect.stringContaining('rename "/t" on memory:22'),
    });
  });
});

describe('the error of a download that is written beside its target', () => {
  it('names the file that was asked for, and so does that of its hash', async () => {
    const here = new LocalFolder();
    here.file('.g.deadline-part', 'x');
    const { sftp, files } = await openMemory({
      local: {
        ...nodeLocalFiles,
        openWriter: (path, how, mode, shownAs) =>
          path.toString().endsWith('/.f.deadline-part')
            ? nodeLocalFiles.openWriter('/dev/full', 'there', mode, shownAs)
            : nodeLocalFiles.openWriter(path, how, mode, shownAs),
        sha256: (_path, shownAs) => nodeLocalFiles.sha256('/nowhere', shownAs),
      },
    });
    files.file('/f', 'content');
    for (const [target, options, what] of [
      [here.at('f'), {}, 'write'],
      [join(here.at('none'), 'g'), {}, 'create'],
      [here.at('g'), { verify: 'sha256', resume: true }, 'read'],
    ] as const) {
      const error = await failureOf(sftp.get('/f', target, options));
      expect(error).toMatchObject({ code: 'ERR_SSH_TRANSFER', path: target });
      expect(error.message).toContain(`cannot ${what} "${target}": `);
    }
  });
});
