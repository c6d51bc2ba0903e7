// How an error ends a connection: by the rule of the protocol that was broken, or as an error of ours.

import { recordOf } from '../errors/millrace-error';
import { CLOSE_REASONS } from '../messages/close-reasons';
import type { CloseReason } from '../messages/close-reasons';
import type { PeerFact } from '../messages/peer-thread';

export interface Failure {
  readonly reason: CloseReason;
  readonly detail: string;
  /** For the log, if it is an error of ours: it ends this connection and no other. */
  readonly record?: Extract<PeerFact, { readonly type: 'log' }>;
}

export function failureOf(connection: number, error: unknown): Failure {
  const { code, message } = recordOf(error);
  if (Object.hasOwn(CLOSE_REASONS, code)) return { reason: code as CloseReason, detail: message };
  return {
    reason: 'connection-error',
    detail: message,
    record: {
      type: 'log',
      level: 'error',
      message: `a connection was closed by an internal error: ${message}`,
      fields: { connection, code },
    },
  };
}
