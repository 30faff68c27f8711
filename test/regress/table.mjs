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

/** What the programs are here. */
const programs = {
  ssh: '`deadline-ssh`',
  sftp: '`deadline-ssh sftp`',
  scp: '`deadline-ssh cp`',
  keyscan: '`deadline-ssh keyscan`',
  keygen: '`deadline-ssh keygen`',
};

/** The page. */
export function tableOf(version, rows) {
  const about = rows.filter(({ program }) => program !== 'none');
  const count = (test) => about.filter(test).length;
  const passing = count(({ ours }) => ours?.status === 'pass');
  const genuine = count((row) => row.genuine?.status === 'pass');
  const open = about.filter(
    ({ genuine: theirs, ours }) => theirs?.status === 'pass' && ours === undefined,
  ).length;
  const lines = about.map(({ name, program, genuine: theirs, ours, why }) => {
    const cells = [`\`${name}\``, programs[program], cell(theirs), cell(ours), reasonOf(theirs, ours, why)];
    return `| ${cells.join(' | ')} |`;
  });
  const others = rows.filter(({ program }) => program === 'none').map(({ name }) => `\`${name}\``);
  return `# OpenSSH's own tests

OpenSSH has a regression suite of shell scripts. \`npm run regress\` runs it with this command in place of OpenSSH's programs: each test in namespaces of its own, first with the genuine program, then with this one. Debian's package \`openssh-tests\` has the suite. The last run was beside ${version}.

Of ${about.length} tests about a client ${genuine} pass with OpenSSH's programs on the machine of the last run, and of these ${passing} with this command.${open === 0 ? '' : ` ${open} were not run with it.`} Three things are arranged for the tests: the lists of \`-Q\` are narrowed to what the installed sshd knows too, since the tests ask the server for all of them; the keys that every test makes for itself are made once; and certificates are signed by OpenSSH's ssh-keygen.

| test | program | OpenSSH | this | reason |
|---|---|---|---|---|
${lines.join('\n')}

Not about a client, and not run: ${others.join(', ')}.
`;
}

function cell(result) {
  return result === undefined
    ? 'not run'
    : { pass: 'passes', fail: 'fails', skip: 'is skipped' }[result.status];
}

/** Of two that pass nothing has to be said. */
function reasonOf(genuine, ours, why) {
  if (genuine?.status === 'pass' && ours?.status === 'pass') return '';
  const said = genuine?.status === 'pass' ? ours?.said : genuine?.said;
  const whose = genuine?.status === 'pass' ? '' : 'with OpenSSH: ';
  return why ?? (said === undefined ? '' : `${whose}${said.replaceAll('|', '\\|')}`);
}
