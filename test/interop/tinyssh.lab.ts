import { mkdirSync } from 'node:fs';
import { laboratory } from './laboratory.ts';
import { tinyssh } from './servers/daemons.ts';

// It reads no authorized_keys below a folder that others may write to, such as /tmp.
const folder = '/var/cache/deadline-ssh';
if (tinyssh.obstacle() === undefined) {
  mkdirSync(folder, { recursive: true });
  process.env['TMPDIR'] = folder;
}

laboratory(tinyssh);
