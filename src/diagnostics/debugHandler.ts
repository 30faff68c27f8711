/**
 * Reports over HTTP.
 *
 * Owns: which query gets what, the headers, and which hosts are answered for.
 * Must not know: servers; it is a listener for requests, typed by what it needs of them.
 */

import { SshError } from '../base/errors.ts';
import { checkOptions, flag, type OptionTable } from '../base/optionChecks.ts';
import { formatMetrics, metricsContentType } from './exposition.ts';
import { Metrics, metrics as processMetrics } from './metrics.ts';
import { connectionPage, listedConnections, overPage, overviewPage } from './page.ts';
import { pageScript, pageStyle } from './pageAssets.ts';
import { type ConnectionDetail, connectionById, takeReport } from './report.ts';
import { formatConnection, formatReport } from './reportText.ts';

/** What is looked at in a request: `IncomingMessage` of `node:http` has it. */
export interface DebugRequest {
  /** Such as `GET`. */
  readonly method?: string | undefined;
  /** Path and query. */
  readonly url?: string | undefined;
  /** Every request of an HTTP server has them; a caller that is none asks for itself. */
  readonly headers?:
    | {
        /** The host that the request was sent to. */
        readonly host?: string | undefined;
      }
    | undefined;
}

/** What is done to a response: `ServerResponse` of `node:http` has it. */
export interface DebugResponse {
  /** Begins the response. */
  writeHead(statusCode: number, headers: Record<string, string>): unknown;
  /** Ends the response. */
  end(body?: string): unknown;
}

export interface DebugHandlerOptions {
  /** Those of the process where not given; they count from then on. */
  readonly metrics?: Metrics | undefined;
  /**
   * Names and addresses under which this handler may be reached, without a port,
   * apart from those of loopback (`localhost`, `127.0.0.1`, `[::1]`). A request for
   * any other host is refused: a web page can have its own name lead here (DNS
   * rebinding), and would read the reports otherwise.
   */
  readonly hosts?: readonly string[] | undefined;
  /** Also shows the names of open files over SFTP. Default: `false`. */
  readonly fileNames?: boolean | undefined;
}

const optionTable: OptionTable<DebugHandlerOptions> = {
  metrics: { takes: 'metrics, as metrics() gives them', accepts: (value) => value instanceof Metrics },
  hosts: { takes: 'a list of names or addresses', accepts: Array.isArray },
  fileNames: flag,
};

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const plain = 'text/plain; charset=utf-8';
const json = 'application/json; charset=utf-8';
const markup = 'text/html; charset=utf-8';

const headers: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

const usage = `Queries: debug=1 for a summary as text, debug=2 for each connection as text,
format=json with either, connection=N for one of them, format=metrics for Prometheus
(also at any path that ends in /metrics), nothing for a page to watch.
`;

/**
 * A listener for requests of a `node:http` server that serves reports: a page
 * to watch, `?debug=1`, `?debug=2`, `?format=json`, `?connection=N`, and
 * Prometheus metrics at every path that ends in `/metrics`. It shows names of
 * hosts and who is connected, and asks nobody for a password: listen on
 * loopback, or put it behind what guards your other internals. Requests for a
 * host that is neither loopback nor in `hosts` are refused with 403.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for `hosts` that are no names
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { debugHandler } from 'deadline-ssh/diagnostics';
 * createServer(debugHandler()).listen(6060, '127.0.0.1');
 * ```
 */
export function debugHandler(
  options: DebugHandlerOptions = {},
): (request: DebugRequest, response: DebugResponse) => void {
  checkOptions(options, { of: 'debugHandler', table: optionTable });
  const metrics = options.metrics ?? processMetrics();
  const hosts = checkedHosts(options.hosts ?? []);
  const { fileNames } = options;
  return ({ method = 'GET', url = '/', headers: asked }, response) => {
    if (asked !== undefined && !isAnswered(asked.host, hosts)) {
      response.writeHead(403, { ...headers, 'content-type': plain });
      response.end(otherHost);
      return;
    }
    if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { ...headers, allow: 'GET, HEAD' });
      response.end();
      return;
    }
    const { status, type, body } = answer(url, { metrics, fileNames });
    response.writeHead(status, { ...headers, 'content-type': type });
    response.end(method === 'HEAD' ? undefined : body);
  };
}

const otherHost =
  'This is not answered under that host name. debugHandler({ hosts: [...] }) takes further names.\n';

function checkedHosts(hosts: readonly string[]): ReadonlySet<string> {
  const names = Array.isArray(hosts) ? hosts.map(hostIn) : [undefined];
  if (!names.every((name) => name !== undefined)) {
    throw new SshError(
      'ERR_SSH_OPTIONS',
      'hosts of debugHandler must be names or addresses, each without a port',
      { phase: 'options', origin: 'user' },
    );
  }
  return new Set(names);
}

function isAnswered(header: string | undefined, hosts: ReadonlySet<string>): boolean {
  const host = hostIn(header?.replace(/:\d*$/, ''));
  return host !== undefined && (isLoopback(host) || hosts.has(host));
}

/** The names that lead to this machine wherever they are asked for; a browser does not ask DNS for them. */
function isLoopback(host: string): boolean {
  return /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(host);
}

/** A host in one spelling; undefined where it is none. */
function hostIn(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined;
  const host = text.toLowerCase().replace(/(?<=[^.])\.$/, '');
  if (/^\[[0-9a-f:.]+\]$/.test(host) || /^[^\s:/?#@[\]]+$/.test(host)) return host;
  // An address of IPv6 stands in brackets in a header.
  return /^[0-9a-f.]*(?::[0-9a-f.]*){2,}$/.test(host) ? `[${host}]` : undefined;
}

/** What is shown. */
interface Shown {
  readonly metrics: Metrics;
  readonly fileNames: boolean | undefined;
}

function answer(url: string, { metrics, fileNames }: Shown): Answer {
  // The path is whatever the server is mounted at: only its end is looked at.
  const [path = '', ...rest] = url.split('?');
  const query = new URLSearchParams(rest.join('?'));
  const format = query.get('format');
  const debug = query.get('debug');
  if (path.endsWith('/metrics') || format === 'metrics') {
    return { status: 200, type: metricsContentType, body: formatMetrics(metrics) };
  }
  if (!['json', null].includes(format) || !['1', '2', null].includes(debug)) return badRequest();
  const asset = query.get('asset');
  if (asset !== null) return assetAnswer(asset);
  const connection = query.get('connection');
  if (connection !== null) return connectionAnswer(connection, { format, debug, fileNames });
  if (format === 'json')
    return { status: 200, type: json, body: jsonText(takeReport({ details: debug === '2', fileNames })) };
  if (debug !== null) {
    return {
      status: 200,
      type: plain,
      body: formatReport(takeReport({ details: debug === '2', fileNames })),
    };
  }
  const report = takeReport({ details: true, limit: listedConnections, fileNames });
  return { status: 200, type: markup, body: overviewPage(report) };
}

function assetAnswer(name: string): Answer {
  if (name === 'page.js') return { status: 200, type: 'text/javascript; charset=utf-8', body: pageScript };
  if (name === 'page.css') return { status: 200, type: 'text/css; charset=utf-8', body: pageStyle };
  return { status: 404, type: plain, body: 'There is no such asset.\n' };
}

function connectionAnswer(
  number: string,
  {
    format,
    debug,
    fileNames,
  }: {
    readonly format: string | null;
    readonly debug: string | null;
    readonly fileNames: boolean | undefined;
  },
): Answer {
  if (!/^[1-9]\d{0,15}$/.test(number)) return badRequest();
  const id = Number(number);
  const detail = connectionById(id, { fileNames });
  const status = detail === undefined ? 404 : 200;
  if (format === 'json') return { status, type: json, body: jsonText(detail ?? null) };
  if (debug !== null) return { status, type: plain, body: detailText(id, detail) };
  return { status, type: markup, body: detail === undefined ? overPage(id) : connectionPage(detail) };
}

function detailText(id: number, detail: ConnectionDetail | undefined): string {
  return detail === undefined ? `connection ${id} has ended, or was never there\n` : formatConnection(detail);
}

function badRequest(): Answer {
  return { status: 400, type: plain, body: usage };
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
