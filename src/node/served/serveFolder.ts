/**
 * `serveFolder`.
 *
 * Owns: its options, and the beginning of a session in a folder.
 * Must not know: what a session does.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { escapeText } from '../../base/bytes.ts';
import {
  checkArgument,
  checkOptions,
  flag,
  type OptionTable,
  optionsError,
  someText,
} from '../../base/optionChecks.ts';
import type { SftpStore } from '../../sftp/serve/store.ts';
import { posixNameProblem, windowsNameProblem } from '../files/localNames.ts';
import { type Anchorage, anchorageOfPlatform, binaryOf } from './anchors.ts';
import { ConfinedTree } from './confinedTree.ts';
import { FolderStore } from './folderStore.ts';
import { Quota } from './quota.ts';

/** What `serveFolder` takes. */
export interface ServeFolderOptions {
  /** Refuses every change. Default: `false`. */
  readonly readOnly?: boolean | undefined;
  /** Bytes that all files in it may hold together, those included that are there already. No bound where not given. */
  readonly quota?: number | undefined;
}

const table: OptionTable<ServeFolderOptions> = {
  readOnly: flag,
  quota: {
    takes: 'a number of bytes, 0 or more',
    accepts: (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0,
  },
};

/**
 * A folder of this machine for `createServer`. It is the root of all that its clients see, and
 * nothing leads out of it: `..`, links and folders that are swapped for links while a request
 * runs included. Links are followed as if the folder were the root of the file system. Files are
 * made by the user that this process runs as, and keep their owner; setuid, setgid and sticky
 * are never set. Devices, pipes and sockets in it are not opened.
 *
 * @throws SshError `ERR_SSH_OPTIONS` where it is no folder
 * @example
 * ```ts
 * import { createServer, serveFolder } from 'deadline-ssh/server';
 * const server = (hostKeys: string) =>
 *   createServer({
 *     hostKeys,
 *     authentication: { password: (username, password) => username === 'ops' && password === 'secret' },
 *     sftp: serveFolder('/srv/files', { quota: 10 * 1024 ** 3 }),
 *   });
 * ```
 */
export function serveFolder(root: string, options: ServeFolderOptions = {}): SftpStore {
  return serveFolderBy(anchorageOfPlatform(), root, options);
}

/** With a way of holding folders that the caller chooses. */
export function serveFolderBy(
  anchorage: Anchorage,
  root: string,
  options: ServeFolderOptions = {},
): SftpStore {
  checkArgument('the folder of serveFolder', root, someText);
  checkOptions(options, { of: 'serveFolder', table });
  const path = resolve(root);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw optionsError(`"${escapeText(path)}" is not a folder that could be served`);
  }
  const { readOnly = false, quota } = options;
  const bound = quota === undefined ? undefined : new Quota(quota);
  return {
    begin: async () => {
      const anchor = await anchorage.root(binaryOf(path));
      return new FolderStore({
        tree: new ConfinedTree(anchorage, anchor),
        anchorage,
        root: anchor.path,
        isReadOnly: readOnly,
        quota: bound,
        nameProblem: process.platform === 'win32' ? windowsNameProblem : posixNameProblem,
      });
    },
  };
}
