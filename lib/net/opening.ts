// A connection until hands are shaken: which step it is at and how long that may take, whose handshake
// it accepts, and how an end before that is reported.

import { toHex } from '../bytes/hex';
import { isLackOfOurs, systemAdvice, systemReason } from '../errors/system-error';
import type { CloseReason } from '../messages/close-reasons';
import type { PeerFact } from '../messages/peer-thread';
import type { EndPoint } from '../transport/stream';
import { HandshakeDecoder } from '../wire/handshake';
import type { Handshake } from '../wire/messages';
import type { ConnectionContext } from './connection-context';
import type { OpenTorrent } from './open-torrent';

export interface Ending {
  readonly reason: CloseReason;
  readonly detail: string;
}

export class Opening {
  /** The number of our dial; undefined where the peer began. */
  readonly dial: number | undefined;
  readonly decoder = new HandshakeDecoder();
  /** What came behind the handshake of a connection that waits, in the same read. */
  early: Uint8Array = new Uint8Array();
  private readonly context: ConnectionContext;
  private step: 'dialling' | 'handshaking';
  private deadlineMs: number;

  constructor(context: ConnectionContext, dial: number | undefined) {
    const { dialTimeoutMs, handshakeTimeoutMs } = context.limits;
    this.context = context;
    this.dial = dial;
    this.step = dial === undefined ? 'handshaking' : 'dialling';
    const stepMs = this.step === 'dialling' ? dialTimeoutMs : handshakeTimeoutMs;
    this.deadlineMs = context.nowMs() + stepMs;
  }

  /** As the fact of a handshake names it. */
  get origin(): { readonly dial?: number } {
    return this.dial === undefined ? {} : { dial: this.dial };
  }

  /** Our dial was taken. */
  connected(): void {
    this.step = 'handshaking';
    this.deadlineMs = this.context.nowMs() + this.context.limits.handshakeTimeoutMs;
  }

  /** It took our dial, was sent our handshake, and has not said a byte. */
  get refusesPlain(): boolean {
    return this.dial !== undefined && this.step === 'handshaking' && this.decoder.isEmpty;
  }

  /** How it ends if the present step has taken too long. */
  late(nowMs: number): Ending | undefined {
    if (nowMs < this.deadlineMs) return undefined;
    const { dialTimeoutMs, handshakeTimeoutMs } = this.context.limits;
    if (this.step === 'dialling')
      return { reason: 'dial-timeout', detail: `no answer in ${dialTimeoutMs} ms` };
    const detail = `no whole handshake in ${handshakeTimeoutMs} ms`;
    return { reason: 'handshake-timeout', detail };
  }

  /** The torrent that their handshake is for: the one that we dialled for, or one that is open. */
  torrentOf(theirs: Handshake, dialled: OpenTorrent | undefined): OpenTorrent | Ending {
    const known = dialled ?? this.context.findTorrent(theirs.infoHash);
    if (known !== undefined && !known.closed && equal(known.infoHash, theirs.infoHash))
      return known;
    const hash = toHex(theirs.infoHash);
    return { reason: 'wrong-info-hash', detail: `the peer handshook with info hash ${hash}` };
  }

  isOurself(theirs: Handshake): boolean {
    return equal(theirs.peerId, this.context.peerId);
  }

  /** How it ends by an error of its stream. `early`: it was not open yet. */
  endingBy(error: Error, early: boolean): Ending {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const dialling = early && this.step === 'dialling';
    if (dialling && isLackOfOurs(error))
      return { reason: 'local-limit', detail: systemReason(error) + systemAdvice(code) };
    const reason = dialling ? 'dial-failed' : 'connection-error';
    return { reason, detail: `${code}: ${error.message}` };
  }

  /** The fact of an end before the handshake. */
  endFact(peer: EndPoint, reason: CloseReason, detail: string): PeerFact {
    const { dial } = this;
    if (dial !== undefined) return { type: 'dial-failed', dial, reason, detail };
    return { type: 'rejected', host: peer.host, port: peer.port, reason, detail };
  }
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
