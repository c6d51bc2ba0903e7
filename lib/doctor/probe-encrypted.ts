// EDGE. Whether a peer that refused a plain handshake answers an encrypted one: it is sent a public
// key (message stream encryption: 96 bytes), and if it replies with its own key, it supports
// encryption.

import { randomFillSync } from 'node:crypto';
import * as net from 'node:net';
import { onAbort } from '../async/on-abort';
import { HANDSHAKE_FIRST_BYTE } from '../wire/handshake';

/** A key of 768 bits. Both sides send theirs first, without a length or a type. */
const KEY_LENGTH_BYTES = 96;
/**
 * The prime begins with 64 one bits: a key whose first byte is 0 is smaller. It also differs from a
 * plain handshake.
 */
const FIRST_BYTE = 0;

export interface EncryptedProbeOptions {
  readonly host: string;
  readonly port: number;
  /** Time limit of connecting and the reply together. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Never rejects. True: the peer replied with as many bytes, and no plain handshake. */
export function answersEncrypted(options: EncryptedProbeOptions): Promise<boolean> {
  const { host, port, timeoutMs, signal } = options;
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const socket = net.connect({ host, port, noDelay: true });
    let receivedBytes = 0;
    const end = (answers: boolean): void => {
      clearTimeout(deadline);
      unwatch();
      socket.destroy();
      resolve(answers);
    };
    const fail = (): void => end(false);
    const deadline = setTimeout(fail, timeoutMs);
    const unwatch = onAbort(signal, fail);
    socket.on('connect', () => {
      const key = randomFillSync(Buffer.alloc(KEY_LENGTH_BYTES));
      key[0] = FIRST_BYTE;
      socket.write(key);
    });
    socket.on('data', (bytes) => {
      if (
        receivedBytes === 0 &&
        bytes[0] === HANDSHAKE_FIRST_BYTE &&
        bytes.length < KEY_LENGTH_BYTES
      ) {
        return end(false);
      }
      receivedBytes += bytes.length;
      if (receivedBytes >= KEY_LENGTH_BYTES) end(true);
    });
    socket.on('error', fail);
    socket.on('close', fail);
  });
}
