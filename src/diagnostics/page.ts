/**
 * The page on which a person watches connections.
 *
 * Owns: the tables by phase and wait, the list of the oldest connections and of the
 * sessions of SFTP on them, the detail of one.
 * Must not know: HTTP.
 */
import { html, type Markup } from './html.ts';
import { type ConnectionDetail, type Report, type ReportGroup, type SftpDetail, waitsFor } from './report.ts';
import { counted, duration, formatConnection, transferWords, waitWords } from './reportText.ts';

/** How many connections the page lists. */
export const listedConnections = 200;

/** The overview of a report that has details of the oldest connections. */
export function overviewPage(report: Report): string {
  const { connections, takenAt, groups, details } = report;
  const listed = details ?? [];
  return page(
    counted(connections, 'connection'),
    html`<p><strong id="total">${connections}</strong> ${connections === 1 ? 'connection' : 'connections'} at <time>${takenAt}</time></p>
<h2>By phase and what they wait for</h2>
<table id="groups">
<thead><tr><th class="number">connections</th><th>role</th><th>phase</th><th>waiting for</th><th class="number">oldest</th><th class="number">longest wait</th><th class="number">first deadline in</th><th>oldest connections</th></tr></thead>
<tbody>${groups.map(groupRow)}</tbody>
</table>
<h2>${listed.length < connections ? `The oldest ${listed.length}` : 'Each'}</h2>
<table id="connections">
<thead><tr><th class="number">connection</th><th>role</th><th>target</th><th>phase</th><th>waiting for</th><th class="number">age</th><th class="number">deadline in</th></tr></thead>
<tbody>${listed.map(connectionRow)}</tbody>
</table>
${filesTable(listed)}`,
  );
}

/** One connection. */
export function connectionPage(detail: ConnectionDetail): string {
  return page(
    `connection ${detail.id}`,
    html`<h2>Connection ${detail.id}</h2>
<pre id="detail">${formatConnection(detail)}</pre>`,
  );
}

/** One connection that is not there any more. */
export function overPage(id: number): string {
  return page(`connection ${id}`, html`<p id="over">Connection ${id} has ended, or was never there.</p>`);
}

function page(title: string, main: Markup): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title} · deadline-ssh</title>
<link rel="stylesheet" href="?asset=page.css">
<script src="?asset=page.js" defer></script>
</head>
<body>
<header>
<h1><a href="?">deadline-ssh</a></h1>
<nav><a href="?debug=1">text</a> · <a href="?debug=2">text, each connection</a> · <a href="?format=json&amp;debug=2">JSON</a> · <a href="?format=metrics">metrics</a></nav>
<span id="state" role="status">as it was when you loaded it</span>
<button id="pause" type="button" hidden>pause</button>
</header>
<main>
${main}
</main>
</body>
</html>
`.text;
}

function groupRow(group: ReportGroup): Markup {
  const { connections, role, phase, oldestAge, longestWait, nextDeadline, oldest } = group;
  const links = oldest.map((id) => html`${link(id)} `);
  return html`<tr><td class="number">${connections}</td><td>${role}</td><td>${phase}</td><td>${waitWords(group.waitsFor)}</td><td class="number">${duration(oldestAge)}</td><td class="number">${optional(longestWait)}</td><td class="number">${optional(nextDeadline)}</td><td>${links}</td></tr>
`;
}

function connectionRow(detail: ConnectionDetail): Markup {
  const { id, role, target, phase, age, waits } = detail;
  const remaining = waits.flatMap((wait) => wait.remaining ?? []);
  const next = remaining.length === 0 ? null : Math.min(...remaining);
  return html`<tr><td class="number">${link(id)}</td><td>${role}</td><td>${target}</td><td>${phase}</td><td>${waitWords(waitsFor(waits))}</td><td class="number">${duration(age)}</td><td class="number">${optional(next)}</td></tr>
`;
}

/** The sessions of SFTP of those that are listed; nothing where there is none. */
function filesTable(listed: readonly ConnectionDetail[]): Markup {
  const rows = listed.flatMap(({ id, role, target, sftp }) =>
    sftp.map((session) => filesRow({ id, role, target }, session)),
  );
  if (rows.length === 0) return html``;
  return html`<h2>Files</h2>
<table id="sftp">
<thead><tr><th class="number">connection</th><th>role</th><th>target</th><th class="number">handles open</th><th class="number">requests</th><th class="number">bytes read</th><th class="number">bytes written</th><th>transfers</th></tr></thead>
<tbody>${rows}</tbody>
</table>`;
}

function filesRow(
  { id, role, target }: Pick<ConnectionDetail, 'id' | 'role' | 'target'>,
  { openHandles, requests, queuedRequests, bytesRead, bytesWritten, transfers }: SftpDetail,
): Markup {
  const running = transfers.map((transfer) => html`${transfer.kind}: ${transferWords(transfer)}<br>`);
  return html`<tr><td class="number">${link(id)}</td><td>${role}</td><td>${target}</td><td class="number">${openHandles}</td><td class="number">${requests + queuedRequests}</td><td class="number">${bytesRead}</td><td class="number">${bytesWritten}</td><td>${running}</td></tr>
`;
}

function link(id: number): Markup {
  return html`<a href="?connection=${id}">${id}</a>`;
}

function optional(milliseconds: number | null): string {
  return milliseconds === null ? '' : duration(Math.max(0, milliseconds));
}
