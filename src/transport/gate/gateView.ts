/**
 * What the gate goes by, taken from a transport.
 *
 * Owns: the one object that is filled for each verdict.
 * Must not know: the rules (`gate.ts`).
 */

import type { Role } from '../identification.ts';
import type { Quirks } from '../quirks.ts';
import type { GateState, GateView } from './gate.ts';

/** What a transport shows of itself for that. */
export interface GateSource {
  readonly role: Role;
  readonly gateState: GateState;
  readonly keyExchange: { readonly strict: boolean; readonly peerExchanging: boolean };
  readonly quirks: Pick<Quirks, 'talksDuringRekey'>;
  readonly extInfoAllowed: boolean;
  readonly pingAllowed: boolean;
}

class MutableGateView implements GateView {
  role: Role = 'client';
  state: GateState = 'beforeKexInit';
  strict = false;
  peerRekeying = false;
  talksDuringRekey: Quirks['talksDuringRekey'] = 'nothing';
  extInfoAllowed = false;
  pingAllowed = false;

  refresh(transport: GateSource): this {
    this.role = transport.role;
    this.state = transport.gateState;
    this.strict = transport.keyExchange.strict;
    this.peerRekeying = transport.keyExchange.peerExchanging;
    this.talksDuringRekey = transport.quirks.talksDuringRekey;
    this.extInfoAllowed = transport.extInfoAllowed;
    this.pingAllowed = transport.pingAllowed;
    return this;
  }
}

/** One object for all verdicts on all connections: this is on the path of every packet. */
export const gateView: MutableGateView = new MutableGateView();
