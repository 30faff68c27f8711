/**
 * A person at a terminal that has a status line.
 *
 * Owns: that the line is out of the way while somebody is asked or told something.
 * Must not know: what is asked.
 */
import type { Person } from '../connection/person.ts';
import type { StatusLine } from './statusLine.ts';

export function besideStatus(status: StatusLine, person: Person | undefined): Person | undefined {
  if (person === undefined) return undefined;
  return {
    ask: (prompt) => status.hiddenWhile(() => person.ask(prompt)),
    askSecretly: (prompt) => status.hiddenWhile(() => person.askSecretly(prompt)),
    show: (shown) => {
      status.clear();
      person.show(shown);
    },
    get columns() {
      return person.columns;
    },
  };
}
