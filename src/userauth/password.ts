/**
 * The password method, client side.
 *
 * Owns: RFC 4252 §8 (password, and its change when the server asks for one).
 * Must not know: where passwords come from. None is kept: it goes into the
 * request and nowhere else.
 */
import {
  userauthPasswdChangeReq,
  userauthPasswordChangeRequest,
  userauthPasswordRequest,
} from '../message/userauth.ts';
import type { WireReader } from '../wire/reader.ts';
import type { RequestHead, Step } from './step.ts';

export function sendPassword(head: RequestHead, password: string): Step {
  return {
    state: { name: 'passwordSent' },
    send: (sink) =>
      sink.send(userauthPasswordRequest, {
        ...head,
        methodName: 'password',
        changesPassword: false,
        password,
      }),
  };
}

/** PASSWD_CHANGEREQ: the password has expired, or the new one was not good enough. */
export function receivePasswdChangeReq(reader: WireReader): Step {
  const { prompt, languageTag } = userauthPasswdChangeReq.decode(reader);
  return {
    state: { name: 'passwordChangeWanted' },
    question: { type: 'passwordChangeWanted', prompt, languageTag },
  };
}

export function sendPasswordChange(head: RequestHead, oldPassword: string, newPassword: string): Step {
  return {
    state: { name: 'passwordChangeSent' },
    send: (sink) =>
      sink.send(userauthPasswordChangeRequest, {
        ...head,
        methodName: 'password',
        changesPassword: true,
        oldPassword,
        newPassword,
      }),
  };
}
