/**
 * Names side by side.
 *
 * Owns: how many columns there are and how wide, as in the output of OpenSSH's sftp.
 * Must not know: what is listed.
 */

/** Lines, without their ends. `longest`: bytes of the longest name. */
export function inColumns(names: readonly string[], longest: number, width: number): readonly string[] {
  const columns = Math.max(1, Math.floor(width / (longest + 2)));
  const space = Math.min(width, Math.floor(width / columns));
  const lines: string[] = [];
  for (let at = 0; at < names.length; at += columns) {
    lines.push(
      names
        .slice(at, at + columns)
        .map((name) => name.padEnd(space))
        .join(''),
    );
  }
  return lines;
}
