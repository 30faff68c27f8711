/**
 * `npm run bench:publish`: bench/results as the tables of bench/README.md and as a chart;
 * a part without results keeps what was published of it.
 *
 * Owns: which figures of a run are shown, and how.
 * Must not know: how they were measured.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ForwardMeasured, ForwardResult } from './forward/part.ts';
import { median, ratio, type Timing } from './lib/measure.ts';
import type { CaseResult } from './packet/case.ts';
import type { IdleMemory } from './session/child.ts';
import type { Timed } from './session/cold.ts';
import type { Rounds } from './session/jobs.ts';
import type { Measured } from './session/tasks.ts';

interface Saved<Results> {
  readonly machine: {
    readonly node: string;
    readonly openssl: string;
    readonly cpu: string;
    readonly cores: number;
  };
  readonly results: Results;
}

interface CodecResult {
  readonly what: string;
  readonly timings: readonly Timing[];
}

interface SessionResult {
  readonly cipher: string;
  readonly task: string;
  readonly measured: readonly Rounds<Measured>[];
}

interface HandshakeResult {
  readonly kex: string;
  readonly measured: readonly Rounds<Measured>[];
}

const root = process.cwd();
const readme = join(root, 'bench', 'README.md');
const chart = join(root, 'docs', 'benchmarks.svg');
const [begin, end] = ['<!-- results -->', '<!-- end of results -->'];
const withAddon = 'ssh2 with addon';

function resultsOf(part: string): string {
  return join(root, 'bench', 'results', `${part}.json`);
}

function load<Results>(part: string): Saved<Results> {
  return JSON.parse(readFileSync(resultsOf(part), 'utf8')) as Saved<Results>;
}

type Figure = readonly number[];

/** `1.52 (1.40–1.66)`: how often the first fits into the second, round by round. */
function times(own: Figure | undefined, other: Figure | undefined): string {
  if (own === undefined || other === undefined) return '–';
  const { median: middle, low, high } = ratio({ rounds: own }, { rounds: other });
  return `${middle.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function packetTable(results: readonly CaseResult[]): string {
  const rows = results.flatMap(({ suite, payloadLength, chunking, timings }) => {
    const of = (name: string): (typeof timings)[number] | undefined =>
      timings.find((timing) => timing.name === name);
    return ['openssl', 'noble'].flatMap((name) => {
      const own = of(name);
      if (own === undefined) return [];
      return [
        [
          suite,
          payloadLength.toLocaleString('en'),
          chunking === '' ? '–' : chunking,
          name,
          (1e6 / own.nanoseconds).toFixed(0),
          ((1e3 * payloadLength) / own.nanoseconds).toFixed(0),
          times(own.rounds, of(withAddon)?.rounds),
          times(own.rounds, of('ssh2 without')?.rounds),
          `${own.heapBytes.toFixed(0)} + ${own.externalBytes.toFixed(0)}`,
        ],
      ];
    });
  });
  return table(
    [
      'cipher',
      'payload, B',
      'chunks',
      'crypto',
      'k packets/s',
      'MB/s',
      '× ssh2 with addon',
      '× ssh2 without',
      'B allocated a packet',
    ],
    rows,
  );
}

function partsTable(results: readonly CaseResult[]): string {
  const rows = results.flatMap(({ suite, timings }) => {
    const of = (name: string): Figure | undefined => timings.find((timing) => timing.name === name)?.rounds;
    return ['opened', 'sealed'].map((name) => [
      suite,
      name,
      (median(of(name) ?? []) / 1000).toFixed(0),
      times(of(name), of('the parts alone')),
      times(of(name), of("@noble's gcm()")),
    ]);
  });
  return table(['cipher', 'packets', 'µs each', '× the parts alone', "× @noble's `gcm()`"], rows);
}

function figures<R>(
  measured: readonly Rounds<R>[],
  name: string,
  figure: (result: R) => number,
): Figure | undefined {
  return measured.find((rounds) => rounds.name === name)?.rounds.map(figure);
}

function codecTable(results: readonly CodecResult[]): string {
  return table(
    ['what', 'by', 'ns', 'times the first', 'B allocated'],
    results.flatMap(({ what, timings }) =>
      timings.map((timing, index) => [
        what,
        timing.name,
        timing.nanoseconds.toFixed(0),
        index === 0 ? '' : times(timings[0]?.rounds, timing.rounds),
        `${timing.heapBytes.toFixed(0)} + ${timing.externalBytes.toFixed(0)}`,
      ]),
    ),
  );
}

const wall = ({ milliseconds }: Measured): number => milliseconds;
const cpu = ({ cpuMilliseconds }: Measured): number => cpuMilliseconds;
const ours = ['deadline-ssh', 'deadline-ssh, noble'];

function sessionTable(results: readonly SessionResult[]): string {
  const rows = results.flatMap(({ cipher, task, measured }) =>
    measured.map(({ name, rounds }) => {
      const { bytes, operations } = rounds[0] as Measured;
      const walls = rounds.map(wall);
      const bulk = task === 'download' || task === 'upload';
      const isOurs = ours.includes(name);
      return [
        cipher,
        task,
        name,
        bulk ? (bytes / 1000 / median(walls)).toFixed(0) : '–',
        bulk ? '–' : `${((1000 * median(walls)) / operations).toFixed(1)} µs`,
        bulk ? ((1e6 * median(rounds.map(cpu))) / bytes).toFixed(2) : '–',
        isOurs ? times(walls, figures(measured, 'OpenSSH client', wall)) : '',
        isOurs ? times(walls, figures(measured, withAddon, wall)) : '',
        isOurs ? times(rounds.map(cpu), figures(measured, withAddon, cpu)) : '',
      ];
    }),
  );
  return table(
    [
      'cipher',
      'what',
      'by',
      'MB/s',
      'each',
      'CPU s/GB',
      'speed × OpenSSH client',
      'speed × ssh2 with addon',
      'CPU of ssh2 with addon ÷ ours',
    ],
    rows,
  );
}

function handshakeTable(results: readonly HandshakeResult[]): string {
  const eachCpu = (measured: Measured): number => cpu(measured) / measured.operations;
  const eachWall = (measured: Measured): number => wall(measured) / measured.operations;
  return table(
    [
      'key exchange',
      'by',
      'CPU, ms',
      'on the wall, ms',
      'CPU of ssh2 with addon ÷ ours',
      'the same on the wall',
    ],
    results.flatMap(({ kex, measured }) =>
      measured.map(({ name, rounds }) => {
        const isOurs = ours.includes(name);
        return [
          kex,
          name,
          median(rounds.map(eachCpu)).toFixed(2),
          median(rounds.map(eachWall)).toFixed(1),
          isOurs ? times(rounds.map(eachCpu), figures(measured, withAddon, eachCpu)) : '',
          isOurs ? times(rounds.map(eachWall), figures(measured, withAddon, eachWall)) : '',
        ];
      }),
    ),
  );
}

function memoryTable(measured: readonly Rounds<IdleMemory>[]): string {
  const kilobytes = (values: Figure | undefined): string =>
    values === undefined ? '–' : (median(values) / 1000).toFixed(1);
  return table(
    ['by', 'heap, kB', 'outside of it, kB', 'heap of ssh2 with addon ÷ ours'],
    measured.map(({ name }) => {
      const heap = figures(measured, name, (memory) => memory.heap);
      return [
        name,
        kilobytes(heap),
        kilobytes(figures(measured, name, (memory) => memory.external)),
        name.startsWith('ssh2')
          ? ''
          : times(
              heap,
              figures(measured, withAddon, (memory) => memory.heap),
            ),
      ];
    }),
  );
}

function loadTable(measured: readonly Rounds<number>[]): string {
  const identity = (milliseconds: number): number => milliseconds;
  return table(
    ['by', 'ms', 'ssh2 ÷ ours'],
    measured.map(({ name, rounds }) => [
      name,
      median(rounds).toFixed(1),
      name === 'ssh2' ? '' : times(rounds, figures(measured, 'ssh2', identity)),
    ]),
  );
}

interface ColdResult {
  readonly node: string;
  readonly kex: string;
  readonly measured: readonly Rounds<Timed>[];
}

/** The peer is ssh2 as it is there. */
function peerIn<R>(measured: readonly Rounds<R>[]): string {
  return measured.find(({ name }) => name.startsWith('ssh2'))?.name ?? withAddon;
}

function coldTable(results: readonly ColdResult[]): string {
  const ownCpu = ({ cpuMilliseconds }: Timed): number => cpuMilliseconds;
  const ownWall = ({ milliseconds }: Timed): number => milliseconds;
  const rows = results.flatMap(({ node, kex, measured }) =>
    measured.map(({ name, rounds }) => {
      const peer = { 'deadline-ssh': peerIn(measured), 'the command deadline-ssh': 'ssh' }[name];
      const [cpus, walls] = [rounds.map(ownCpu), rounds.map(ownWall)];
      return [
        node,
        kex,
        name,
        median(cpus).toFixed(0),
        median(walls).toFixed(0),
        peer === undefined ? '' : peer,
        peer === undefined ? '' : times(cpus, figures(measured, peer, ownCpu)),
        peer === undefined ? '' : times(walls, figures(measured, peer, ownWall)),
      ];
    }),
  );
  return table(
    [
      'Node',
      'key exchange',
      'by',
      'CPU, ms',
      'on the wall, ms',
      'peer',
      'CPU of the peer ÷ ours',
      'the same on the wall',
    ],
    rows,
  );
}

interface TransferResult {
  readonly node: string;
  readonly what: string;
  readonly peer: string;
  readonly measured: readonly Rounds<Measured>[];
}

function transferTable(results: readonly TransferResult[]): string {
  const rows = results.flatMap(({ node, what, peer, measured }) =>
    measured.map(({ name, rounds }) => {
      const { bytes, operations } = rounds[0] as Measured;
      const isEcho = what === 'echo';
      const [walls, cpus] = [median(rounds.map(wall)), median(rounds.map(cpu))];
      const beside = (figure: (one: Measured) => number): string =>
        name === peer ? '' : times(rounds.map(figure), figures(measured, peer, figure));
      return [
        node,
        what,
        name,
        isEcho
          ? `${((1000 * walls) / operations).toFixed(0)} µs`
          : `${(bytes / 1000 / walls).toFixed(0)} MB/s`,
        isEcho
          ? `${((1000 * cpus) / operations).toFixed(0)} µs`
          : `${((1e6 * cpus) / bytes).toFixed(2)} s/GB`,
        beside(wall),
        beside(cpu),
      ];
    }),
  );
  return table(
    ['Node', 'what', 'by', 'on the wall', 'CPU', 'wall of the other ÷ this', 'CPU of the other ÷ this'],
    rows,
  );
}

interface FleetResult {
  readonly node: string;
  readonly what: string;
  readonly peer: string;
  readonly measured: readonly Rounds<Measured>[];
}

function fleetTable(results: readonly FleetResult[]): string {
  const each = (measured: Measured): number => cpu(measured) / measured.operations;
  const rows = results.flatMap(({ node, what, peer, measured }) =>
    measured.map(({ name, rounds }) => [
      node,
      what,
      name,
      median(rounds.map(each)).toFixed(2),
      (median(rounds.map(wall)) / 1000).toFixed(1),
      name === peer ? '' : times(rounds.map(each), figures(measured, peer, each)),
    ]),
  );
  return table(['Node', 'what', 'by', 'CPU each, ms', 'on the wall, s', 'CPU of the other ÷ this'], rows);
}

function forwardTable(results: readonly ForwardResult[]): string {
  const amount = ({ bytes, connections }: ForwardMeasured): number => bytes || connections;
  const ownWall = (one: ForwardMeasured): number => one.milliseconds / amount(one);
  const ownCpu = (one: ForwardMeasured): number => one.cpuMilliseconds / amount(one);
  const rows = results.flatMap(({ cipher, load, measured }) =>
    measured.map(({ name, rounds }) => {
      const moves = (rounds[0]?.bytes ?? 0) > 0;
      const [walls, cpus] = [rounds.map(ownWall), rounds.map(ownCpu)];
      const sum = (figure: (one: ForwardMeasured) => number): string =>
        String(rounds.reduce((total, one) => total + figure(one), 0));
      const isOurs = name === 'deadline-ssh';
      return [
        cipher,
        load,
        name,
        moves
          ? `${(1 / 1000 / median(walls)).toFixed(0)} MB/s`
          : `${(1000 / median(walls)).toFixed(0)} a second`,
        moves ? `${(1e6 * median(cpus)).toFixed(2)} s/GB` : `${(1000 * median(cpus)).toFixed(0)} µs each`,
        moves ? '–' : sum(({ lost }) => lost),
        moves ? '–' : sum(({ left }) => left),
        load === 'at once' ? (median(rounds.map(({ memory }) => memory)) / 1e6).toFixed(1) : '–',
        isOurs ? times(walls, figures(measured, 'ssh -L', ownWall)) : '',
        isOurs ? times(cpus, figures(measured, withAddon, ownCpu)) : '',
      ];
    }),
  );
  return table(
    [
      'cipher',
      'load',
      'by',
      'rate',
      'CPU',
      'lost',
      'left',
      'memory, MB',
      'rate × `ssh -L`',
      'CPU of ssh2 with addon ÷ ours',
    ],
    rows,
  );
}

/** A bar for each: how many packets a second, beside ssh2 with its addon, which is 1. */
function chartOf(receive: readonly CaseResult[], send: readonly CaseResult[]): string {
  const bars = [
    ...receive
      .filter(({ chunking }) => chunking === '64 KiB')
      .map((result) => ({ way: 'receive', ...result })),
    ...send.map((result) => ({ way: 'send', ...result })),
  ].flatMap(({ way, suite, payloadLength, timings }) => {
    const own = timings.find(({ name }) => name === 'openssl');
    const peer = timings.find(({ name }) => name === withAddon);
    if (own === undefined || peer === undefined) return [];
    return [
      { label: `${way}, ${suite}, ${payloadLength.toLocaleString('en')} B`, value: ratio(own, peer).median },
    ];
  });
  const [left, width, row, top] = [330, 420, 20, 44];
  const most = Math.max(2, ...bars.map(({ value }) => value));
  const x = (value: number): number => left + (width * value) / most;
  const height = top + row * bars.length + 16;
  const lines = bars.map(({ label, value }, i) => {
    const y = top + row * i;
    return [
      `<text x="${left - 8}" y="${y + 13}" text-anchor="end">${label}</text>`,
      `<rect x="${left}" y="${y + 2}" width="${(x(value) - left).toFixed(1)}" height="14" fill="${value >= 1 ? '#2f7d5b' : '#b3702c'}"/>`,
      `<text x="${(x(value) + 6).toFixed(1)}" y="${y + 13}">${value.toFixed(2)}</text>`,
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${left + width + 60}" height="${height}" viewBox="0 0 ${left + width + 60} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#333" role="img">
<title>Packets a second of deadline-ssh beside ssh2 with its C++ addon, which is 1</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="${left}" y="18" font-weight="600">packets a second; ssh2 with its C++ addon is 1</text>
${lines.join('\n')}
<line x1="${x(1)}" y1="${top - 8}" x2="${x(1)}" y2="${height - 10}" stroke="#333" stroke-dasharray="3 3"/>
<text x="${x(1)}" y="${top - 12}" text-anchor="middle">1</text>
</svg>
`;
}

/** The parts in their order: what is published of each that has results; the others stay as they are. */
const sections: readonly (readonly [heading: string, part: string, show: (results: never) => string])[] = [
  ['### 1. Receive path', 'receive', packetTable],
  ['### 2. Send path', 'send', packetTable],
  ['### 2b. TypeScript alone, 32 KiB, beside its parts', 'parts', partsTable],
  ['### 3. Codecs and byte queue', 'codecs', codecTable],
  ['### 4. Sessions with sshd', 'sessions', sessionTable],
  ['### 5. Handshakes', 'handshakes', handshakeTable],
  ['### 6. Memory of an idle connection', 'memory', memoryTable],
  ['### 7. Load time', 'load', loadTable],
  ['### 8. Whole processes', 'cold', coldTable],
  ['### 9. Fleets', 'fleet', fleetTable],
  ['### 10. A forward', 'forward', forwardTable],
  ['### 11. Transfers on each Node', 'transfers', transferTable],
];

const text = readFileSync(readme, 'utf8');
const [before, after] = [text.indexOf(begin), text.indexOf(end)];
if (before < 0 || after < before)
  throw new Error(`bench/README.md has no place for results: ${begin} … ${end}`);
const published = text
  .slice(before + begin.length, after)
  .trim()
  .split(/\n+(?=### )/);
const machineOf = ({ node, openssl, cores, cpu: processor }: Saved<unknown>['machine']): string =>
  `Node ${node.slice(1)}, OpenSSL ${openssl}, ${cores} cores of ${processor}.`;
let [opening = ''] = published;
const tables = sections.flatMap(([heading, part, show]) => {
  if (existsSync(resultsOf(part))) {
    const { machine, results } = load<never>(part);
    if (part === 'receive')
      opening = `${machineOf(machine)} A ratio above 1 is in favour of this library; its spread is that of the rounds.`;
    return [`${heading}\n\n${show(results)}`];
  }
  return published.filter((section) => section.startsWith(`${heading}\n`));
});
writeFileSync(
  readme,
  `${text.slice(0, before + begin.length)}\n\n${[opening, ...tables].join('\n\n')}\n\n${text.slice(after)}`,
);
if (['receive', 'send'].every((part) => existsSync(resultsOf(part)))) {
  const [receive, send] = ['receive', 'send'].map((part) => load<readonly CaseResult[]>(part).results);
  writeFileSync(chart, chartOf(receive ?? [], send ?? []));
}
