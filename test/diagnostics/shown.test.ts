/**
 * What is shown of connections whose every number is known: in reports, as text, on the page, in metrics and events.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SshError, type SshErrorPhase } from '../../src/base/errors.ts';
import { debugHandler } from '../../src/diagnostics/debugHandler.ts';
import { type DiagnosticsEventName, eventPublisher } from '../../src/diagnostics/events.ts';
import { formatMetrics } from '../../src/diagnostics/exposition.ts';
import { escapeHtml, html } from '../../src/diagnostics/html.ts';
import { Metrics, metrics } from '../../src/diagnostics/metrics.ts';
import { dialPhases, durationBuckets, livePhases, waitNames } from '../../src/diagnostics/metricTable.ts';
import { connectionPage, overPage, overviewPage } from '../../src/diagnostics/page.ts';
import { connectionById, takeReport } from '../../src/diagnostics/report.ts';
import { formatConnection, formatReport } from '../../src/diagnostics/reportText.ts';
import { Histogram, Sums } from '../../src/diagnostics/series.ts';
import {
  liveConnections,
  notifyObservers,
  type RegisteredConnection,
  registerConnection,
  unregisterConnection,
} from '../../src/io/registry.ts';
import type {
  ConnectionSnapshot,
  ForwardSnapshot,
  SftpSnapshot,
  SnapshotOptions,
  WaitSnapshot,
} from '../../src/io/snapshots.ts';

const nothing: ConnectionSnapshot = {
  id: 0,
  role: 'client',
  target: 'a:22',
  addresses: undefined,
  phase: 'connection',
  age: 0,
  waits: [],
  bytesReceived: 0,
  bytesSent: 0,
  packetsReceived: 0,
  packetsSent: 0,
  unsentBytes: 0,
  lastMessage: undefined,
  remoteIdentification: undefined,
  channels: [],
  forwards: [],
  sftp: [],
  openedAt: undefined,
};

const wait = (name: WaitSnapshot['name'], elapsed: number, remaining: number): WaitSnapshot => ({
  name,
  waitingFor: `${name}\x1b`,
  elapsed,
  remaining,
});

const forward = (count: number): ForwardSnapshot => ({
  name: '127.0.0.1:80 to \x1bdb:5432',
  connections: Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    from: index === 0 ? '' : '1.2.3.4:\x1b5',
    to: 'db:\x1b5432',
    state: 'open',
    age: 1_234.56,
    bytesOut: 3,
    bytesIn: 4,
  })),
  accepted: 20,
  refused: 1,
  failed: 2,
  bytesOut: 30,
  bytesIn: 40,
});

const sftp = (fileNames?: readonly string[]): SftpSnapshot => ({
  channel: 5,
  openHandles: 2,
  requests: 3,
  queuedRequests: 4,
  bytesRead: 50,
  bytesWritten: 60,
  filesOpened: 7,
  transfers: [
    { kind: 'put', age: 2_345.67, files: 9, filesDone: 8, failed: 1, total: 1_000, transferred: 500 },
  ],
  fileNames,
});

/** What was asked for of snapshots. */
let asked: (SnapshotOptions | undefined)[] = [];

/** Live connections of which this much is known; numbered from 1. */
function live(...some: readonly Partial<ConnectionSnapshot>[]): RegisteredConnection[] {
  return some.map((given, index) => {
    const snapshot = { ...nothing, id: index + 1, ...given };
    const connection: RegisteredConnection = {
      id: snapshot.id,
      role: snapshot.role,
      snapshot: (options) => {
        asked.push(options);
        return snapshot;
      },
    };
    registerConnection(connection);
    return connection;
  });
}

beforeEach(() => {
  asked = [];
});
afterEach(() => {
  for (const connection of liveConnections()) unregisterConnection(connection);
});

describe('a report', () => {
  it('makes one group of all that are alike, with the extremes of its members', () => {
    live(
      { age: 10.04, waits: [wait('dial', 10, 90), wait('identification', 5, 45)] },
      { age: 20.06, waits: [wait('identification', 7.25, 30), wait('dial', 99, 1)] },
      { age: 15, waits: [wait('identification', 6, 40)] },
      { role: 'server', waits: [wait('dial', 3, 4)] },
      { phase: 'close', waits: [wait('command', 8, Number.POSITIVE_INFINITY)] },
      { phase: 'close', waits: [wait('request', 1, 9), wait('command', 2, Number.POSITIVE_INFINITY)] },
      { phase: 'close' },
    );
    const { groups, connections, details } = takeReport();
    expect([connections, details]).toEqual([7, null]);
    const shared = { role: 'client', phase: 'connection', connections: 1, oldestAge: 0 };
    expect(groups).toEqual([
      {
        ...shared,
        waitsFor: ['identification'],
        connections: 3,
        oldestAge: 20.1,
        // That of the dial is not what is waited for; its deadline is one all the same.
        longestWait: 7.3,
        nextDeadline: 1,
        oldest: [1, 2, 3],
      },
      { ...shared, role: 'server', waitsFor: ['dial'], longestWait: 3, nextDeadline: 4, oldest: [4] },
      { ...shared, phase: 'close', waitsFor: ['command'], longestWait: 8, nextDeadline: null, oldest: [5] },
      {
        ...shared,
        phase: 'close',
        waitsFor: ['command', 'request'],
        longestWait: 2,
        nextDeadline: 9,
        oldest: [6],
      },
      { ...shared, phase: 'close', waitsFor: [], longestWait: null, nextDeadline: null, oldest: [7] },
    ]);
  });

  it('lists ten numbers of a group, and says that there are more', () => {
    live(...Array.from({ length: 11 }, () => ({})));
    const report = takeReport();
    expect(report.groups[0]?.oldest).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(formatReport(report)).toContain('connection 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …\n');
    const [eleventh] = liveConnections().slice(-1);
    if (eleventh !== undefined) unregisterConnection(eleventh);
    expect(formatReport(takeReport())).toContain('connection 1, 2, 3, 4, 5, 6, 7, 8, 9, 10\n');
  });

  it('has as many details as were asked for, none below zero', () => {
    live({}, {}, {});
    const ids = (limit: number): unknown => takeReport({ details: true, limit }).details?.map(({ id }) => id);
    expect([ids(0), ids(-1), ids(1), ids(3), ids(9)]).toEqual([[], [], [1], [1, 2, 3], [1, 2, 3]]);
    expect(ids(Number.POSITIVE_INFINITY)).toEqual([1, 2, 3]);
    for (const limit of [Number.NaN, '3', null])
      expect(() => takeReport({ limit } as never)).toThrow('limit must be a number');
  });

  it('asks for names of files only where they were asked for', () => {
    live({ sftp: [sftp()] }, {});
    takeReport();
    takeReport({ fileNames: true });
    connectionById(1, { fileNames: true });
    connectionById(2);
    expect(asked.map((options) => options?.fileNames)).toEqual([
      undefined,
      undefined,
      true,
      true,
      true,
      undefined,
    ]);
    expect(connectionById(1)?.sftp[0]?.fileNames).toBeNull();
    expect(connectionById(3)).toBeUndefined();
  });

  it('escapes what a peer or a program named, rounds to tenths, and has no infinity', () => {
    live({
      target: 'a\x1b:22',
      addresses: { localAddress: '::1', localPort: 5, remoteAddress: '1.2.3.4', remotePort: undefined },
      age: 1.26,
      waits: [wait('command', 1.04, Number.POSITIVE_INFINITY), wait('request', 1.06, 2.06)],
      channels: [
        {
          id: 1,
          type: 'x\x1b',
          state: 'open',
          sendWindow: 1,
          receiveWindow: 2,
          bytesReceived: 3,
          bytesSent: 4,
          unread: 5,
          unsent: 6,
          pendingRequests: 7,
        },
      ],
      forwards: [forward(2)],
      sftp: [sftp(['/a\x1b'])],
      openedAt: '    at one (a.ts:1:1)\n  at two\x1b\n three at',
    });
    const detail = connectionById(1);
    expect(detail).toMatchObject({
      target: 'a\\x1b:22',
      localAddress: '[::1]:5',
      remoteAddress: '1.2.3.4:',
      age: 1.3,
      waits: [
        { name: 'command', waitingFor: 'command\\x1b', elapsed: 1, timeout: null, remaining: null },
        { name: 'request', waitingFor: 'request\\x1b', elapsed: 1.1, timeout: 3.1, remaining: 2.1 },
      ],
      channels: [{ type: 'x\\x1b' }],
      forwards: [
        {
          name: '127.0.0.1:80 to \\x1bdb:5432',
          connections: [
            { from: '', to: 'db:\\x1b5432', age: 1_234.6 },
            { from: '1.2.3.4:\\x1b5', age: 1_234.6 },
          ],
        },
      ],
      sftp: [{ fileNames: ['/a\\x1b'], transfers: [{ age: 2_345.7 }] }],
      openedAt: ['one (a.ts:1:1)', 'two\\x1b', 'three at'],
    });
    live({});
    expect(connectionById(1)).toMatchObject({ localAddress: null, remoteAddress: null, openedAt: null });
  });
});

describe('a report as text', () => {
  it('tells all of a connection', () => {
    live({
      target: 'a:22',
      phase: 'connection',
      age: 61_000,
      addresses: { localAddress: '1.1.1.1', localPort: 1, remoteAddress: '2.2.2.2', remotePort: 2 },
      waits: [wait('command', 500, Number.POSITIVE_INFINITY), wait('request', 500, -20)],
      bytesReceived: 1,
      packetsReceived: 2,
      bytesSent: 3,
      packetsSent: 4,
      unsentBytes: 5,
      lastMessage: 'SSH_MSG_PING',
      remoteIdentification: 'SSH-2.0-x',
      channels: [
        {
          ...{ id: 1, type: 'session', state: 'open', sendWindow: 1, receiveWindow: 2, bytesReceived: 3 },
          ...{ bytesSent: 4, unread: 5, unsent: 6, pendingRequests: 7 },
        },
      ],
      forwards: [forward(12)],
      sftp: [sftp(Array.from({ length: 11 }, (_, index) => `/${index}`))],
      openedAt: 'at main (a.ts:1:1)',
    });
    const detail = connectionById(1);
    if (detail === undefined) throw new Error('it is gone');
    expect(formatConnection(detail).split('\n')).toEqual([
      'connection 1 [client, connection, 61.0 s] a:22',
      '  peer        SSH-2.0-x',
      '  addresses   1.1.1.1:1 to 2.2.2.2:2',
      '  waits for   command: command\\x1b, for 500 ms, no bound of its own',
      '  waits for   request: request\\x1b, for 500 ms, 0 ms of 480 ms left',
      '  received    1 byte in 2 packets',
      '  sent        3 bytes in 4 packets, 5 not yet taken by the socket',
      '  last came   SSH_MSG_PING',
      '  channel 1   session, open; window 1 to send, 2 to receive; 4 bytes sent, 3 received; 5 unread, 6 unsent; 7 requests unanswered',
      '  forward     127.0.0.1:80 to \\x1bdb:5432; 12 connections open, 20 came, 1 refused, 2 failed; 30 bytes out, 40 in',
      '    1         a unix socket to db:\\x1b5432, open, 1.2 s; 3 bytes out, 4 in',
      ...Array.from(
        { length: 9 },
        (_, index) =>
          `    ${String(index + 2).padEnd(10)}1.2.3.4:\\x1b5 to db:\\x1b5432, open, 1.2 s; 3 bytes out, 4 in`,
      ),
      '    …         and 2 more',
      '  sftp        on channel 5; 2 handles open, 3 requests unanswered, 4 queued; 7 files opened, 50 bytes read, 60 written',
      '    put       8 of 9 files, 500 of 1000 bytes, 1 failed, 2.3 s',
      ...Array.from({ length: 10 }, (_, index) => `    open      /${index}`),
      '    …         and 1 more',
      '  opened at   main (a.ts:1:1)',
      '',
    ]);
  });

  it('says in words what is not there', () => {
    live({ forwards: [forward(10)], sftp: [sftp(Array.from({ length: 10 }, () => '/'))] }, {}, {});
    const report = takeReport({ details: true, limit: 2 });
    const text = formatReport(report);
    expect(text).toContain('3 client in connection, waiting for nothing: oldest 0 ms; connection 1, 2, 3\n');
    expect(text).toContain('  peer        has not identified itself\n  addresses   none to none\n');
    expect(text).toContain('  last came   nothing\n');
    expect(text).not.toMatch(/…|opened at/);
    expect(text.endsWith('\n\nand 1 more, which are younger\n')).toBe(true);
    expect(formatReport(takeReport({ details: true }))).not.toContain('younger');
    expect(formatReport(takeReport())).not.toContain('younger');
  });
});

describe('a report in JSON', () => {
  it('has a null for whatever is not there, and nothing that JSON leaves out', () => {
    live({ forwards: [forward(1)], sftp: [sftp(), sftp(['/a'])] }, { waits: [wait('command', 1, 2)] });
    const report = takeReport({ details: true });
    expect(JSON.parse(JSON.stringify(report))).toStrictEqual(report);
    expect(report.details?.[0]).toMatchObject({
      lastMessage: null,
      remoteIdentification: null,
      openedAt: null,
    });
  });
});

describe('the line of a group', () => {
  it('has what there is of ages, waits and deadlines', () => {
    live({ age: 5_000, waits: [wait('request', 1_500, 2_500)] });
    const [, line] = formatReport(takeReport()).split('\n');
    expect(line).toBe(
      '1 client in connection, waiting for request: oldest 5.0 s; longest wait 1.5 s; first deadline in 2.5 s; connection 1',
    );
  });
});

describe('a handler of requests', () => {
  const ask = (url: string, method = 'GET') => {
    const answer: { status: number; type: string | undefined; body: string | undefined; ends: number } = {
      ...{ status: 0, type: undefined, body: undefined, ends: 0 },
    };
    debugHandler({ metrics: new Metrics() })(
      { url, method },
      {
        writeHead: (status, headers) => Object.assign(answer, { status, type: headers['content-type'] }),
        end: (body) => Object.assign(answer, { body, ends: answer.ends + 1 }),
      },
    );
    return answer;
  };

  it.each([
    ['/', 200, 'text/html'],
    ['/?asset=page.js', 200, 'text/javascript'],
    ['/?asset=page.css', 200, 'text/css'],
    ['/?asset=other', 404, 'text/plain'],
    ['/?debug=1', 200, 'text/plain'],
    ['/?debug=2', 200, 'text/plain'],
    ['/?debug=3', 400, 'text/plain'],
    ['/?format=json', 200, 'application/json'],
    ['/?format=xml', 400, 'text/plain'],
    ['/?format=metrics', 200, 'text/plain; version=0.0.4'],
    ['/any/metrics', 200, 'text/plain; version=0.0.4'],
    ['/?connection=1', 200, 'text/html'],
    ['/?connection=1&format=json', 200, 'application/json'],
    ['/?connection=1&debug=1', 200, 'text/plain'],
    ['/?connection=2', 404, 'text/html'],
    ['/?connection=2&format=json', 404, 'application/json'],
    ['/?connection=2&debug=1', 404, 'text/plain'],
    ['/?connection=0', 400, 'text/plain'],
    ['/?connection=x', 400, 'text/plain'],
  ])('answers %s with %i', (url, status, type) => {
    live({});
    const got = ask(url);
    expect([got.status, got.type?.startsWith(`${type};`), got.ends]).toEqual([status, true, 1]);
    expect(got.body).toMatch(/./);
    // HEAD says the same of it, and shows nothing.
    expect(ask(url, 'HEAD')).toEqual({ ...got, body: undefined });
    expect(ask(url, 'POST')).toMatchObject({ status: 405, body: undefined, ends: 1 });
  });

  it('has details with debug=2 alone', () => {
    live({ target: 'somewhere:22' });
    for (const [url, hasDetails] of [
      ['/?debug=1', false],
      ['/?debug=2', true],
      ['/?format=json', false],
      ['/?format=json&debug=1', false],
      ['/?format=json&debug=2', true],
    ] as const)
      expect([url, ask(url).body?.includes('somewhere')]).toEqual([url, hasDetails]);
  });

  it('takes the options that it knows', () => {
    expect(() => debugHandler({ host: 'a' } as never)).toThrow('there is no option "host" of debugHandler');
    expect(() => debugHandler({ metrics: {} } as never)).toThrow(
      'metrics must be metrics, as metrics() gives them',
    );
    expect(() => debugHandler({ hosts: 'a' } as never)).toThrow('hosts must be a list of names or addresses');
    expect(() => debugHandler({ fileNames: 1 } as never)).toThrow('fileNames must be true or false');
  });
});

describe('the page', () => {
  it('has a row for each group, connection and session, each with its links', () => {
    live(
      { target: '<b>', age: 1_000, waits: [wait('request', 5, 700), wait('close', 5, 300)], sftp: [sftp()] },
      { waits: [wait('request', 5, -700)] },
      { waits: [wait('command', 5, Number.POSITIVE_INFINITY)] },
    );
    const text = overviewPage(takeReport({ details: true }));
    expect(text).toContain('<strong id="total">3</strong>');
    expect(text).toContain('<h2>Each</h2>');
    expect(text).toContain(
      '<td class="number"><a href="?connection=1">1</a></td><td>client</td><td>&lt;b&gt;</td><td>connection</td><td>close and request</td><td class="number">1.0 s</td><td class="number">300 ms</td>',
    );
    expect(text).toContain('<td>request</td><td class="number">0 ms</td><td class="number">0 ms</td></tr>');
    expect(text).toContain('<td>command</td><td class="number">0 ms</td><td class="number"></td></tr>');
    expect(text).toContain(
      '<tr><td class="number"><a href="?connection=1">1</a></td><td>client</td><td>&lt;b&gt;</td><td class="number">2</td><td class="number">7</td><td class="number">50</td><td class="number">60</td><td>put: 8 of 9 files, 500 of 1000 bytes, 1 failed, 2.3 s<br></td></tr>',
    );
    expect(text).toContain(
      '<td>command</td><td class="number">0 ms</td><td class="number">5 ms</td><td class="number"></td><td><a href="?connection=3">3</a> </td></tr>',
    );
    expect(text).not.toContain('[object');
  });

  it('says how many of them it lists, and has no table of files where there are none', () => {
    live({}, {}, {});
    const text = overviewPage(takeReport({ details: true, limit: 2 }));
    expect(text).toContain('<h2>The oldest 2</h2>');
    expect(text).not.toContain('id="sftp"');
    expect(overviewPage(takeReport())).toContain('<h2>The oldest 0</h2>');
    const detail = connectionById(2);
    if (detail === undefined) throw new Error('it is gone');
    expect(connectionPage(detail)).toContain('<title>connection 2 · deadline-ssh</title>');
    expect(connectionPage(detail)).toContain(
      `<pre id="detail">${escapeHtml(formatConnection(detail))}</pre>`,
    );
    expect(overPage(7)).toContain('<p id="over">Connection 7 has ended, or was never there.</p>');
  });

  it('escapes every value but markup', () => {
    expect(escapeHtml(`&<>"'&`)).toBe('&amp;&lt;&gt;&quot;&#39;&amp;');
    expect(html`<a>${'<'}${1}${html`<b>${'&'}</b>`}${[html`<i>`, html`${'>'}`]}</a>`.text).toBe(
      '<a>&lt;1<b>&amp;</b><i>&gt;</a>',
    );
  });
});

describe('sums and distributions', () => {
  it('are kept by their labels', () => {
    const sums = new Sums();
    sums.add({ a: '1' });
    sums.add({ a: '2' }, 5);
    sums.add({ a: '1' }, 2);
    sums.add({ b: '1' }, 0);
    expect(sums.samples()).toEqual([
      { suffix: '', labels: { a: '1' }, value: 3 },
      { suffix: '', labels: { a: '2' }, value: 5 },
      { suffix: '', labels: { b: '1' }, value: 0 },
    ]);
  });

  it('count what is up to each bound, the bound included, and all of it at last', () => {
    const histogram = new Histogram([1, 2]);
    for (const value of [0, 1, 1.5, 2, 2.5, 100]) histogram.observe({ a: '1' }, value);
    histogram.observe({ a: '2' }, 2);
    const buckets = (a: string, ...values: readonly number[]): unknown[] =>
      values.map((value, index) => ({
        suffix: '_bucket',
        labels: { a, le: ['1', '2', '+Inf'][index] },
        value,
      }));
    expect(histogram.samples()).toEqual([
      ...buckets('1', 2, 4, 6),
      { suffix: '_sum', labels: { a: '1' }, value: 107 },
      { suffix: '_count', labels: { a: '1' }, value: 6 },
      ...buckets('2', 0, 1, 1),
      { suffix: '_sum', labels: { a: '2' }, value: 2 },
      { suffix: '_count', labels: { a: '2' }, value: 1 },
    ]);
  });
});

describe('metrics', () => {
  /** Samples that are not zero, as `labels value`. */
  const shown = (metrics: Metrics, name: string): string[] =>
    formatMetrics(metrics)
      .split('\n')
      .filter((line) => line.startsWith(`deadline_ssh_${name}{`) && !line.endsWith(' 0'))
      .map((line) => line.slice(`deadline_ssh_${name}`.length));

  it('count what is open at this moment', () => {
    const metrics = new Metrics();
    live(
      {
        phase: 'connection',
        waits: [wait('request', 1, 1), wait('request', 1, 1)],
        forwards: [forward(2), forward(1)],
      },
      { phase: 'connect', waits: [wait('connect', 1, 1)], sftp: [sftp(), sftp()] },
      { role: 'server', phase: 'connect', sftp: [sftp()], forwards: [forward(0)] },
    );
    expect(shown(metrics, 'open_connections')).toEqual([
      '{role="client",phase="connect"} 1',
      '{role="client",phase="connection"} 1',
      '{role="server",phase="connect"} 1',
    ]);
    expect(shown(metrics, 'open_waits')).toEqual(['{wait="connect"} 1', '{wait="request"} 2']);
    expect(shown(metrics, 'open_forwards')).toEqual(['{role="client"} 2', '{role="server"} 1']);
    expect(shown(metrics, 'forwarded_connections')).toEqual(['{role="client"} 3']);
    expect(shown(metrics, 'open_sftp_sessions')).toEqual(['{role="client"} 2', '{role="server"} 1']);
    expect(shown(metrics, 'open_sftp_handles')).toEqual(['{role="client"} 4', '{role="server"} 2']);
    expect(shown(metrics, 'open_sftp_requests')).toEqual(['{role="client"} 6', '{role="server"} 3']);
    expect(shown(metrics, 'open_transfers')).toEqual(['{kind="put"} 3']);
    metrics.stop();
  });

  it('have a sample for whatever may be counted, ahead of the first one', () => {
    const metrics = new Metrics();
    const labels = (name: string): number =>
      metrics.families().find((family) => family.name === `deadline_ssh_${name}`)?.samples.length ?? -1;
    expect(labels('open_connections')).toBe(2 * livePhases.length);
    expect(labels('open_waits')).toBe(waitNames.length);
    for (const name of ['open_forwards', 'open_sftp_sessions', 'received_bytes_total', 'sftp_files_total'])
      expect(labels(name)).toBe(2);
    expect(labels('open_transfers')).toBe(3);
    expect([...dialPhases]).toEqual(['connect', 'identification', 'keyExchange', 'authentication']);
    metrics.stop();
  });

  it('of what is over and of what lives are one sum, which never falls', () => {
    const metrics = new Metrics();
    const [client, server] = live(
      { bytesReceived: 10, bytesSent: 20, sftp: [sftp()] },
      { role: 'server', bytesReceived: 1, bytesSent: 2 },
    );
    if (client === undefined || server === undefined) throw new Error('they are gone');
    const totals = (): string[] =>
      [
        'received_bytes_total',
        'sent_bytes_total',
        'sftp_read_bytes_total',
        'sftp_written_bytes_total',
        'sftp_files_total',
      ].flatMap((name) => shown(metrics, name));
    const before = totals();
    expect(before).toEqual([
      '{role="client"} 10',
      '{role="server"} 1',
      '{role="client"} 20',
      '{role="server"} 2',
      '{role="client"} 50',
      '{role="client"} 60',
      '{role="client"} 7',
    ]);
    const closed = new SshError('ERR_SSH_CLOSED', 'closed', { origin: 'user' });
    for (const connection of [client, server]) {
      const last = connection.snapshot();
      unregisterConnection(connection);
      for (const each of last.sftp) notifyObservers((observer) => observer.sftpEnded?.(connection, each));
      notifyObservers((observer) => observer.ended?.(connection, closed, last));
    }
    expect(totals()).toEqual(before);
    live({ bytesReceived: 5 });
    expect(shown(metrics, 'received_bytes_total')).toEqual(['{role="client"} 15', '{role="server"} 1']);
    metrics.stop();
  });

  it('count dials by where they got to and who ended them, and how long each phase took', () => {
    const metrics = new Metrics();
    const [client, server, third] = live({}, { role: 'server' }, {});
    if (client === undefined || server === undefined || third === undefined) throw new Error('they are gone');
    const moves = (which: RegisteredConnection, from: SshErrorPhase, to: SshErrorPhase, elapsed = 0): void =>
      notifyObservers((observer) => observer.phaseChanged?.(which, from, to, elapsed));
    const ends = (which: RegisteredConnection, origin: 'deadline' | 'user'): void =>
      notifyObservers((observer) =>
        observer.ended?.(which, new SshError('ERR_SSH_TIMEOUT', '', { origin }), nothing),
      );
    moves(client, 'connect', 'identification', 1_500);
    moves(client, 'identification', 'close', 10_000);
    expect(shown(metrics, 'dials_total')).toEqual([]);
    ends(client, 'deadline');
    ends(client, 'deadline');
    moves(third, 'authentication', 'connection', 5);
    moves(third, 'connection', 'close', 99_000);
    ends(third, 'user');
    moves(server, 'keyExchange', 'close', 5);
    ends(server, 'user');
    expect(shown(metrics, 'dials_total')).toEqual([
      '{result="deadline",phase="identification"} 1',
      '{result="ready",phase="connection"} 1',
    ]);
    expect(shown(metrics, 'accepts_total')).toEqual(['{result="user",phase="keyExchange"} 1']);
    const sums = shown(metrics, 'phase_duration_seconds_sum');
    expect(sums).toEqual([
      '{role="client",phase="connect",outcome="completed"} 1.5',
      '{role="client",phase="identification",outcome="failed"} 10',
      '{role="client",phase="authentication",outcome="completed"} 0.005',
      '{role="server",phase="keyExchange",outcome="failed"} 0.005',
    ]);
    metrics.stop();
    moves(third, 'authentication', 'connection', 5);
    expect(shown(metrics, 'phase_duration_seconds_sum')).toEqual(sums);
  });

  it('count waits, commands and transfers that are over', () => {
    const metrics = new Metrics();
    const [client] = live({});
    if (client === undefined) throw new Error('it is gone');
    notifyObservers((observer) => {
      observer.waitExpired?.(client, { name: 'close', waitingFor: 'x', elapsed: 1, timeout: 1 });
      observer.commandEnded?.(client, 'exec', 5, 'signal');
      observer.transferEnded?.(client, { kind: 'get', outcome: 'failed', elapsed: 1, files: 1, bytes: 1 });
    });
    expect(shown(metrics, 'waits_expired_total')).toEqual(['{wait="close"} 1']);
    expect(shown(metrics, 'commands_total')).toEqual(['{kind="exec",outcome="signal"} 1']);
    expect(shown(metrics, 'transfers_total')).toEqual(['{kind="get",outcome="failed"} 1']);
    metrics.stop();
  });
});

describe('the metrics of the process', () => {
  it('are made once', () => {
    expect(metrics()).toBeInstanceOf(Metrics);
    expect(metrics()).toBe(metrics());
  });

  it('have buckets that dashboards know by their bounds', () => {
    expect(durationBuckets.join(' ')).toBe('0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 15 30 60');
  });

  it('are numbers as Prometheus writes them', () => {
    const values = [1, 0.5, -2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
    const samples = values.map((value, index) => ({ suffix: '' as const, labels: { i: `${index}` }, value }));
    const family = { name: 'deadline_ssh_dials_total', type: 'counter', help: 'a\\b\nc "d"', samples };
    const made: Metrics = Object.assign(Object.create(Metrics.prototype), { families: () => [family] });
    const text = formatMetrics(made);
    expect(text.split('\n')).toEqual([
      '# HELP deadline_ssh_dials_total a\\\\b\\nc "d"',
      '# TYPE deadline_ssh_dials_total counter',
      ...['1', '0.5', '-2', '+Inf', '-Inf', 'NaN'].map(
        (value, i) => `deadline_ssh_dials_total{i="${i}"} ${value}`,
      ),
      '',
    ]);
  });
});

describe('events', () => {
  it('are published as they are, and are not even made while nobody listens', () => {
    const published: [DiagnosticsEventName, unknown][] = [];
    let hasSubscribers = false;
    const observer = eventPublisher((name) => ({
      get hasSubscribers() {
        return hasSubscribers;
      },
      publish: (message) => void published.push([name, message]),
    }));
    const [client, server] = live({}, { role: 'server', target: 'b:5' });
    if (client === undefined || server === undefined) throw new Error('they are gone');
    const all = (): void => {
      observer.opened?.(client);
      observer.opened?.(server);
      observer.phaseChanged?.(client, 'connect', 'identification', 5);
      observer.waitExpired?.(client, { name: 'close', waitingFor: 'x', elapsed: 1, timeout: 2 });
      observer.commandStarted?.(client, 'exec');
      observer.commandEnded?.(client, 'exec', 6, 'exit');
      observer.transferStarted?.(client, 'sync');
      observer.transferEnded?.(client, {
        kind: 'sync',
        outcome: 'completed',
        elapsed: 7,
        files: 8,
        bytes: 9,
      });
      const error = new SshError('ERR_SSH_TIMEOUT', '', { origin: 'deadline', waitingFor: 'close' });
      observer.ended?.(server, error, { ...nothing, age: 1, bytesReceived: 2, bytesSent: 3 });
    };
    all();
    expect([published, asked]).toEqual([[], []]);
    hasSubscribers = true;
    all();
    const ended = { age: 1, bytesReceived: 2, bytesSent: 3 };
    expect(published).toEqual([
      ['deadline-ssh:dial', { connection: 1, target: 'a:22' }],
      ['deadline-ssh:accept', { connection: 2, target: 'b:5' }],
      ['deadline-ssh:phase', { connection: 1, from: 'connect', to: 'identification', elapsed: 5 }],
      [
        'deadline-ssh:wait-expired',
        { connection: 1, wait: 'close', waitingFor: 'x', elapsed: 1, timeout: 2 },
      ],
      ['deadline-ssh:command-start', { connection: 1, kind: 'exec' }],
      ['deadline-ssh:command-end', { connection: 1, kind: 'exec', elapsed: 6, outcome: 'exit' }],
      ['deadline-ssh:transfer-start', { connection: 1, kind: 'sync' }],
      [
        'deadline-ssh:transfer-end',
        { connection: 1, kind: 'sync', outcome: 'completed', elapsed: 7, files: 8, bytes: 9 },
      ],
      [
        'deadline-ssh:end',
        { connection: 2, code: 'ERR_SSH_TIMEOUT', origin: 'deadline', wait: 'close', ...ended },
      ],
    ]);
  });
});
