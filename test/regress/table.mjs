/**
 * What came of a run of OpenSSH's suite, for people.
 *
 * Owns: the lines on the terminal, the page docs/openssh-tests.md.
 * Must not know: how tests run.
 */

/** A line for each test. */
export function printed(rows) {
  const lines = rows.map(({ name, genuine, ours }) => {
    const of = (result) => (result === undefined ? '-' : `${result.status} ${result.seconds} s`);
    const said = [genuine?.said, ours?.said].filter((text) => text !== undefined).join(' | ');
    return `${name.padEnd(20)} OpenSSH ${of(genuine).padEnd(12)} this ${of(ours).padEnd(12)} ${said}`.trimEnd();
  });
  return lines.join('\n');
}

/** The page. */
export function tableOf(version, rows) {
  return `${version}\n${rows.length}\n`;
}
