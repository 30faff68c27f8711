/**
 * One object of settings for connections that are dialled alike.
 *
 * Owns: the settings made last. They hold nothing of a connection, and no secret.
 * Must not know: what the settings are.
 */
import { clientSettings } from '../../protocol/client.ts';
import type { CoreSettings, SharedOptions } from '../../protocol/options.ts';

/** Kept by whoever dials many: each connection would have the same in an object of its own. */
export class DialSettings {
  private last: CoreSettings | undefined;

  of(options: SharedOptions): CoreSettings {
    const { last } = this;
    if (last !== undefined && isMadeFrom(last, options)) return last;
    this.last = clientSettings(options);
    return this.last;
  }
}

function isMadeFrom(settings: CoreSettings, options: SharedOptions): boolean {
  return (Object.keys(options) as (keyof SharedOptions)[]).every((name) => settings[name] === options[name]);
}
