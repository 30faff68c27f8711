/**
 * What the part runs in processes of their own: `peer`, `dials` or `sockets`.
 * Input comes as JSON in the command line; results go to the parent.
 */

import { dialSilent, holdSockets, type SilentDialsInput } from './silentDials.ts';
import { listenSilently } from './silentPeer.ts';

const [what, json = '{}'] = process.argv.slice(2);
const input = JSON.parse(json) as SilentDialsInput;

if (what === 'peer') {
  const peer = await listenSilently(input.count);
  process.send?.({ ports: peer.ports });
  process.once('disconnect', () => void peer.close());
} else {
  const figures = what === 'dials' ? await dialSilent(input) : await holdSockets(input);
  process.send?.(figures, () => process.disconnect());
}
