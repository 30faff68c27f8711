/**
 * The keyboard-interactive method, client side.
 *
 * Owns: RFC 4256 §3.1 (the request), §3.2 (prompts), §3.4 (answers).
 * Must not know: who answers, how prompts are shown. No answer is kept.
 */
import {
  userauthInfoRequest,
  userauthInfoResponse,
  userauthKeyboardInteractiveRequest,
} from '../message/userauth.ts';
import type { WireReader } from '../wire/reader.ts';
import { misuse, type RequestHead, type Step } from './step.ts';

export function sendKeyboardInteractive(head: RequestHead, submethods: string): Step {
  return {
    state: { name: 'keyboardInteractiveSent' },
    send: (sink) =>
      sink.send(userauthKeyboardInteractiveRequest, {
        ...head,
        methodName: 'keyboard-interactive',
        languageTag: '',
        submethods,
      }),
  };
}

/** INFO_REQUEST: asks the driver, or answers at once where nothing is asked (RFC 4256 §3.4). */
export function receiveInfoRequest(reader: WireReader): Step {
  const { name, instruction, prompts } = userauthInfoRequest.decode(reader);
  if (prompts.length === 0) return sendResponses(0, []);
  return {
    state: { name: 'promptsWanted', count: prompts.length },
    question: { type: 'promptsWanted', name, instruction, prompts },
  };
}

/** As many answers as there were prompts. */
export function sendResponses(count: number, responses: readonly string[]): Step {
  if (responses.length !== count) {
    throw misuse(`${count} prompts want ${count} responses, ${responses.length} were given`);
  }
  return {
    state: { name: 'keyboardInteractiveSent' },
    send: (sink) => sink.send(userauthInfoResponse, { responses }),
  };
}
