/**
 * Changes a known_hosts file until it is killed: adds the key of one host after
 * the other, and of each second host exchanges the key for another. After each
 * change it says so.
 */
import { appendFileSync } from 'node:fs';
import { describeHostKey } from '../../../src/client/hostKeys/hostKeys.ts';
import { createOpensslProvider } from '../../../src/node/crypto/provider.ts';
import { addTrustedLine, rotateLines } from '../../../src/node/knownHosts/hostKeyChanges.ts';
import { readInput } from './exchange.ts';

const { file, log, name, keys } = readInput<{
  readonly file: string;
  readonly log: string;
  readonly name: string;
  readonly keys: readonly (readonly number[])[];
}>();
const [first = new Uint8Array(0), second = first] = keys.map((key) => Uint8Array.from(key));
const provider = createOpensslProvider();

for (let i = 0; ; i++) {
  const host = `${name}-${i}.example`;
  await addTrustedLine(file, describeHostKey(provider, host, 22, first, 'ssh-ed25519'), false);
  done(`${host} 0`);
  if (i % 2 === 0) continue;
  const info = describeHostKey(provider, host, 22, second, 'ssh-ed25519');
  await rotateLines(file, info, [second], [second], false);
  done(`${host} 1`);
}

function done(what: string): void {
  // In one write, of which a kill leaves all or nothing.
  appendFileSync(log, `${what}\n`);
  process.stdout.write('.');
}
