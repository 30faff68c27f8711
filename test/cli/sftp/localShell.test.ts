/** Local commands of `sftp`, and a Ctrl-C before they begin. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runLocally } from '../../../src/cli/sftp/localShell.ts';
import type { SftpOutput } from '../../../src/cli/sftp/output.ts';

const folder = mkdtempSync(join(tmpdir(), 'local-shell-'));
const file = join(folder, 'made');
afterEach(() => rmSync(file, { force: true }));

/** Says nothing; `flushing` is done while it is waited for. */
const output = (flushing: () => void): SftpOutput =>
  ({ flush: () => Promise.resolve(flushing()), note: () => {} }) as unknown as SftpOutput;

describe('a local command', () => {
  it.each([
    ['has come', (abort: () => void) => abort()],
    ['is told in the next turn', (abort: () => void) => void setImmediate(abort)],
  ])('is not begun where a Ctrl-C %s', async (_, come) => {
    const controller = new AbortController();
    const run = runLocally(
      `: > '${file}'`,
      output(() => come(() => controller.abort())),
      controller.signal,
    );
    expect(await run).toBe(false);
    expect(existsSync(file)).toBe(false);
  });

  it('is run where none came', async () => {
    expect(
      await runLocally(
        `: > '${file}'`,
        output(() => {}),
        new AbortController().signal,
      ),
    ).toBe(true);
    expect(existsSync(file)).toBe(true);
  });
});
