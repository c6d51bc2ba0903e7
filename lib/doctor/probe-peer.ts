// EDGE. Dials one peer, exchanges handshakes and collects its pieces. Time, bytes and memory are
// bounded; the socket is closed before the promise settles.

import * as net from 'node:net';
import { onAbort } from '../async/on-abort';
import { Bitfield } from '../bytes/bitfield';
import { bytesEqual } from '../bytes/compare';
import { MillraceError } from '../errors/millrace-error';
import { MAX_PIECE_COUNT } from '../metainfo/limits';
import { WireDecoder } from '../wire/decoder';
import {
  EXTENDED_HANDSHAKE_ID,
  extendedHandshakeOf,
  parseExtendedHandshake,
} from '../wire/extended-handshake';
import { HandshakeDecoder, encodeHandshake, supportsExtensions } from '../wire/handshake';
import type { WireMessage } from '../wire/messages';
import type { PeerOutcome } from './findings';
import { answersEncrypted } from './probe-encrypted';
import type { PeerAnswers } from './peer-finding';
import { causeText } from './causes';

export interface PeerProbeOptions {
  readonly host: string;
  readonly port: number;
  readonly infoHash: Uint8Array;
  /** Our peer id: 20 raw bytes. */
  readonly peerId: Uint8Array;
  /** Undefined for a magnet link: then only `whole` can be determined. */
  readonly pieceCount: number | undefined;
  /** Time limit of each of three steps: connecting, the handshake, and what follows. */
  readonly timeoutMs: number;
  /**
   * A peer that has announced pieces and is silent for this long has announced all of them; one
   * that has announced none gets four times as long. Default 500: `have` messages follow a bitfield
   * at once.
   */
  readonly quietMs?: number;
  readonly signal: AbortSignal;
}

const DEFAULT_QUIET_MS = 500;
/**
 * Most bytes read: the longest bitfield is 256 KiB, and 2 million `have` messages are 18 MiB. More
 * is abuse.
 */
const MAX_RECEIVED_BYTES = 32 * 1024 * 1024;
const NONE = new Uint8Array(0);

/**
 * Never rejects: the failure of a peer is the result. A peer that closes after a plain handshake is
 * dialled again, to test whether it answers an encrypted one.
 */
export async function probePeer(options: PeerProbeOptions): Promise<PeerAnswers> {
  const answers = await new Promise<PeerAnswers>((resolve) => new Probe(options, resolve).start());
  if (answers.outcome !== 'closed' || !(await answersEncrypted(options))) return answers;
  return { ...answers, outcome: 'encrypted' };
}

class Probe {
  private readonly options: PeerProbeOptions;
  private readonly resolve: (answers: PeerAnswers) => void;
  private readonly startedMs = performance.now();
  private readonly handshake = new HandshakeDecoder();
  private readonly decoder: WireDecoder;
  /** Empty while their number is not known. */
  private readonly pieces: Bitfield;
  private whole = false;
  private metadataBytes: number | undefined;
  private readonly onAbort = (): void => this.end(this.unfinished());
  private unwatch = (): void => undefined;
  private socket: net.Socket | undefined;
  private stage: 'connecting' | 'greeting' | 'announcing' | 'ended' = 'connecting';
  private deadline: NodeJS.Timeout | undefined;
  private quiet: NodeJS.Timeout | undefined;
  private receivedBytes = 0;
  private hasAnnounced = false;
  /** The last bytes may have announced every piece, in one message. */
  private mayBeWhole = false;
  private client: string | undefined;

  constructor(options: PeerProbeOptions, resolve: (answers: PeerAnswers) => void) {
    this.options = options;
    this.resolve = resolve;
    this.pieces = new Bitfield(options.pieceCount ?? 0);
    this.decoder = new WireDecoder({ pieceCount: options.pieceCount ?? MAX_PIECE_COUNT });
  }

  start(): void {
    const { host, port, infoHash, peerId, signal } = this.options;
    if (signal.aborted) return this.onAbort();
    this.unwatch = onAbort(signal, this.onAbort);
    this.limit();
    const socket = net.connect({ host, port, noDelay: true });
    this.socket = socket;
    socket.on('connect', () => {
      this.stage = 'greeting';
      this.limit();
      socket.write(encodeHandshake({ infoHash, peerId }));
    });
    socket.on('data', (bytes) => this.receive(bytes));
    socket.on('error', (error: NodeJS.ErrnoException) => this.broke(error));
    socket.on('close', () => this.end(this.unfinished('closed')));
  }

  /** Starts the time limit of a new stage. */
  private limit(): void {
    clearTimeout(this.deadline);
    this.deadline = setTimeout(() => this.end(this.unfinished()), this.options.timeoutMs);
  }

  /** The outcome if it ends at this stage. */
  private unfinished(greeting: PeerOutcome = 'silent'): PeerOutcome {
    if (this.stage === 'announcing') return 'talks';
    return this.stage === 'greeting' ? greeting : 'no-connection';
  }

  private broke({ code = 'unknown' }: NodeJS.ErrnoException): void {
    if (this.stage !== 'connecting') return this.end(this.unfinished('closed'));
    if (code === 'ECONNREFUSED') return this.end('refused');
    if (code === 'ETIMEDOUT') return this.end('no-connection');
    this.end('unreachable', causeText(code), code);
  }

  private receive(bytes: Buffer): void {
    if (this.stage === 'ended') return;
    this.receivedBytes += bytes.length;
    if (this.receivedBytes > MAX_RECEIVED_BYTES) return this.end('breaks-rules', 'it never stops');
    try {
      const used = this.stage === 'greeting' ? this.greet(bytes) : 0;
      if (this.stage !== 'announcing') return;
      this.decoder.feed(bytes, used, bytes.length, {
        onMessage: (message) => this.onMessage(message),
        onBlock: () => undefined,
      });
      if (this.mayBeWhole) this.endIfWhole();
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      const greeting = this.stage === 'greeting';
      this.end(greeting ? 'not-plain' : 'breaks-rules', greeting ? undefined : error.message);
    }
  }

  private greet(bytes: Buffer): number {
    const used = this.handshake.feed(bytes, 0, bytes.length);
    const { handshake } = this.handshake;
    if (handshake === undefined) return used;
    if (!bytesEqual(handshake.infoHash, this.options.infoHash)) this.end('other-torrent');
    // Only we have our id: this is an echo.
    else if (bytesEqual(handshake.peerId, this.options.peerId)) this.end('not-plain');
    else {
      this.stage = 'announcing';
      this.limit();
      this.waitForMore();
    }
    return used;
  }

  private waitForMore(): void {
    const { quietMs = DEFAULT_QUIET_MS } = this.options;
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.end('talks'), this.hasAnnounced ? quietMs : 4 * quietMs);
  }

  /** All pieces are known; only the client's name may follow, which comes at once or never. */
  private endIfWhole(): void {
    this.mayBeWhole = false;
    const { handshake } = this.handshake;
    const named = this.client !== undefined || !supportsExtensions(handshake?.reserved ?? NONE);
    if (named && this.isWhole) this.end('talks');
  }

  private get isWhole(): boolean {
    return this.options.pieceCount === undefined ? this.whole : this.pieces.isFull();
  }

  private onMessage(message: WireMessage): void {
    switch (message.type) {
      case 'bitfield':
        if (this.options.pieceCount === undefined) {
          this.whole = mayBeEveryPiece(message.bits);
          this.mayBeWhole = true;
          break;
        }
        if (message.bits.length !== this.pieces.bytes.length) {
          throw new MillraceError('bad-message', 'its bitfield has another number of pieces');
        }
        for (const [at, byte] of Bitfield.withoutSpareBits(
          message.bits,
          this.pieces.length,
        ).entries()) {
          this.pieces.bytes[at] = (this.pieces.bytes[at] ?? 0) | byte;
        }
        this.mayBeWhole = true;
        break;
      case 'have':
        if (this.options.pieceCount === undefined) break;
        if (message.piece >= this.pieces.length) {
          throw new MillraceError('bad-message', `it claims piece ${message.piece}`);
        }
        if (this.pieces.get(message.piece)) return;
        this.pieces.set(message.piece);
        break;
      case 'have-all': // Some peers send it although we did not announce the fast extension (BEP 6).
        this.pieces.setAll();
        this.whole = true;
        this.mayBeWhole = true;
        break;
      case 'extended':
        if (message.id === EXTENDED_HANDSHAKE_ID) {
          this.extend(parseExtendedHandshake(message.payload));
          this.mayBeWhole = true;
        }
        return;
      default:
        return;
    }
    this.hasAnnounced = true;
    this.waitForMore();
  }

  private extend(handshake: ReturnType<typeof parseExtendedHandshake>): void {
    const { client, extensions } = extendedHandshakeOf(handshake);
    this.client = client;
    const size = handshake.integer('metadata_size') ?? 0;
    if ((extensions[METADATA] ?? 0) > 0 && size > 0) this.metadataBytes = size;
  }

  private end(outcome: PeerOutcome, detail?: string, cause?: string): void {
    if (this.stage === 'ended') return;
    this.stage = 'ended';
    clearTimeout(this.deadline);
    clearTimeout(this.quiet);
    this.unwatch();
    this.decoder.stop();
    this.socket?.destroy();
    const { host, port, pieceCount } = this.options;
    const talks = outcome === 'talks';
    const isKnown = pieceCount !== undefined;
    this.resolve({
      host,
      port,
      outcome,
      pieces: talks && isKnown ? this.pieces : undefined,
      whole: talks && !isKnown ? this.whole : undefined,
      metadataBytes: talks ? this.metadataBytes : undefined,
      client: this.client,
      cause,
      detail,
      elapsedMs: performance.now() - this.startedMs,
    });
  }
}

/** The extension by which peers send the metadata (BEP 9). */
const METADATA = 'ut_metadata';

/**
 * Every bit is set, except spare ones after the last piece. As the number of pieces is not known, a peer
 * that lacks only some of the last seven looks the same.
 */
function mayBeEveryPiece(bits: Uint8Array): boolean {
  const last = bits.at(-1) ?? 0;
  const spare = 0xff ^ last;
  return (
    bits.subarray(0, -1).every((byte) => byte === 0xff) && last > 0 && (spare & (spare + 1)) === 0
  );
}
