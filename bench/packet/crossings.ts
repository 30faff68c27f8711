/**
 * Where one way becomes faster than the other: forces each over a range of lengths.
 * What `measuredCrossings` holds is read off here.
 */
import { defaultLimits } from '../../src/base/limits.ts';
import * as openssl from '../../src/node/crypto/packet/packetCiphers.ts';
import { measuredCrossings, type PacketCrossings } from '../../src/node/crypto/packet/packetCrossings.ts';
import { PacketOpener } from '../../src/packet/opener.ts';
import { PacketSealer } from '../../src/packet/sealer.ts';
import { type Contestant, race } from '../lib/measure.ts';
import { printTable, writeResults } from '../lib/report.ts';
import { cut, openAll, sealAll } from './drive.ts';
import { keysOf, paddingBytes, payloadOf, SealedRounds, type Suite, suites } from './suites.ts';

const never = Number.MAX_SAFE_INTEGER;

interface Crossing {
  readonly what: string;
  readonly suite: string;
  readonly direction: 'open' | 'seal';
  /** Packets in a chunk or a take. */
  readonly together: number;
  /** Payload lengths to try. */
  readonly lengths: readonly number[];
  readonly few: Partial<PacketCrossings>;
  readonly many: Partial<PacketCrossings>;
}

const long: readonly number[] = [500, 1000, 1500, 2000, 3000, 4000, 6000, 8000];
const short: readonly number[] = [20, 50, 100, 150, 200, 300, 400, 600];

const crossings: readonly Crossing[] = [
  {
    what: 'gcmOpenAloneFrom: ahead | whole packet, alone',
    suite: 'aes128-gcm',
    direction: 'open',
    together: 1,
    lengths: long,
    few: { gcmOpenAloneFrom: 16_384, gcmOpenFrom: 16_384 },
    many: { gcmOpenAloneFrom: 0, gcmOpenFrom: 0 },
  },
  {
    what: 'gcmOpenFrom: ahead | whole packet, 16 together',
    suite: 'aes128-gcm',
    direction: 'open',
    together: 16,
    lengths: long,
    few: { gcmOpenAloneFrom: 16_384, gcmOpenFrom: 16_384 },
    many: { gcmOpenAloneFrom: 0, gcmOpenFrom: 0 },
  },
  ...[1, 16].map(
    (together): Crossing => ({
      what: `gcmSealFrom: ahead | whole packet, ${together} together`,
      suite: 'aes128-gcm',
      direction: 'seal',
      together,
      lengths: long,
      few: { gcmSealFrom: 16_384 },
      many: { gcmSealFrom: 0 },
    }),
  ),
  {
    what: 'gcmEncryptFrom: AES in TypeScript | kept ECB context',
    suite: 'aes128-gcm',
    direction: 'open',
    together: 1,
    lengths: short,
    few: { gcmEncryptFrom: never },
    many: { gcmEncryptFrom: 0 },
  },
  {
    what: 'gcmTagFrom: each tag by tables | all tags in one call; a run of 8 packets',
    suite: 'aes128-gcm',
    direction: 'open',
    together: 8,
    lengths: short,
    few: { gcmTagFrom: never },
    many: { gcmTagFrom: 0 },
  },
  ...(['open', 'seal'] as const).map(
    (direction): Crossing => ({
      what: 'chachaCryptFrom: TypeScript | OpenSSL',
      suite: 'chacha20-poly1305',
      direction,
      together: 8,
      lengths: long,
      few: { chachaCryptFrom: never },
      many: { chachaCryptFrom: 0 },
    }),
  ),
  {
    what: 'chachaVerifyFrom: Poly1305 in TypeScript | relayed tag',
    suite: 'chacha20-poly1305',
    direction: 'open',
    together: 8,
    lengths: long,
    few: { chachaVerifyFrom: never },
    many: { chachaVerifyFrom: 0 },
  },
  {
    what: 'chachaTagFrom: Poly1305 in TypeScript | relayed tags',
    suite: 'chacha20-poly1305',
    direction: 'seal',
    together: 8,
    lengths: long,
    few: { chachaTagFrom: never },
    many: { chachaTagFrom: 0 },
  },
  ...(['open', 'seal'] as const).map(
    (direction): Crossing => ({
      what: 'ctrApartFrom: keystream ahead | this packet alone',
      suite: 'aes128-ctr + sha2-256-etm',
      direction,
      together: 8,
      lengths: long,
      few: { ctrApartFrom: never },
      many: { ctrApartFrom: 0 },
    }),
  ),
  {
    what: 'hmacTypescriptUpTo: hash in one call | TypeScript',
    suite: 'aes128-ctr + sha2-256-etm',
    direction: 'open',
    together: 8,
    lengths: short,
    few: { hmacTypescriptUpTo: 0 },
    many: { hmacTypescriptUpTo: never },
  },
  {
    what: 'hmacOneCallUpTo: hash object | hash in one call',
    suite: 'aes128-ctr + sha2-256-etm',
    direction: 'open',
    together: 8,
    lengths: [500, 1000, 2000, 4000, 8000, 16_000],
    few: { hmacTypescriptUpTo: 0, hmacOneCallUpTo: 0 },
    many: { hmacTypescriptUpTo: 0, hmacOneCallUpTo: 32_768 },
  },
];

export function crossingsPart(quick: boolean, filters: readonly string[]): void {
  const rows: string[][] = [];
  for (const crossing of crossings) {
    if (filters.length > 0 && !filters.some((word) => crossing.what.includes(word))) continue;
    for (const length of crossing.lengths) {
      const [few, many] = race(contestants(crossing, length), quick ? 5 : 11, 6);
      rows.push([
        crossing.what,
        crossing.direction,
        `${length}`,
        (few?.nanoseconds ?? 0).toFixed(0),
        (many?.nanoseconds ?? 0).toFixed(0),
      ]);
    }
  }
  printTable(
    'Crossings, ns a packet',
    ['first | second way', 'direction', 'payload', 'first', 'second'],
    rows,
  );
  writeResults('crossings', rows);
}

function contestants(crossing: Crossing, length: number): Contestant[] {
  const suite = suites.find(({ label }) => label === crossing.suite) as Suite;
  const packets = Math.ceil(Math.min(6000, 3_000_000 / length) / crossing.together) * crossing.together;
  const payload = payloadOf(length);
  const rounds = new SealedRounds(suite, payload, packets);
  return [crossing.few, crossing.many].map((changes, index) => {
    const ways = { ...measuredCrossings, ...changes };
    const name = index === 0 ? 'first' : 'second';
    if (crossing.direction === 'seal') {
      const sealer = new PacketSealer({ randomBytes: paddingBytes });
      sealer.use(openssl.createSealingCipher(keysOf(suite), ways), { resetSequence: false });
      return {
        name,
        prepare: () => () => {
          sealAll(sealer, payload, packets, crossing.together, () => {});
          return packets;
        },
      };
    }
    const opener = new PacketOpener({ limits: defaultLimits });
    opener.use(openssl.createOpeningCipher(keysOf(suite), ways), { resetSequence: false });
    const open = openAll(opener);
    return {
      name,
      prepare: (round) => {
        const stream = rounds.streamOf(round);
        const chunks = cut(stream, (stream.length / packets) * crossing.together);
        return () => {
          open(chunks, () => {});
          return packets;
        };
      },
    };
  });
}
