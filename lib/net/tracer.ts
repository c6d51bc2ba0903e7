// The trace of one peer thread: creates the taps, collects their output, and writes it with every
// tick: packets to the end of the file shared by all threads, lines to the coordinator.

import { closeSync, writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { recordOf } from '../errors/millrace-error';
import { withPath } from '../errors/system-error';
import type { PeerFact } from '../messages/peer-thread';
import { TRACE_STOPPED, TRACE_STOPPED_WORD } from '../messages/trace';
import type { TraceSettings } from '../messages/trace';
import { OPEN_TO_APPEND, openRegular } from '../storage/open-regular';
import { PacketBuffer, wholePacketBytes } from '../trace/pcapng';
import { WireTap, isChosen } from '../trace/tap';
import type { TappedConnection, TraceOutlets } from '../trace/tap';

/**
 * Packets are written before the next tick when this many bytes wait: bounded memory, few system
 * calls.
 */
const BATCH_BYTES = 262_144;

/** Lines kept between two ticks (125 ms): some 200 KB, at most 2 MiB. */
const MAX_LINES = 2000;

export class Tracer implements TraceOutlets {
  readonly startedMs: number;
  readonly payload: boolean;
  readonly line: ((text: string) => void) | undefined;
  private readonly settings: TraceSettings;
  private readonly send: (fact: PeerFact) => void;
  private readonly writtenBytes: BigInt64Array;
  private readonly stopped: Int32Array;
  private batch: PacketBuffer | undefined;
  private file: number | undefined;
  private lines: string[] = [];
  private lostLines = 0;

  constructor(settings: TraceSettings, send: (fact: PeerFact) => void) {
    this.settings = settings;
    this.send = send;
    this.startedMs = settings.startedMs;
    this.payload = settings.payload;
    this.writtenBytes = new BigInt64Array(settings.counter, 0, 1);
    this.stopped = new Int32Array(settings.counter);
    this.batch = settings.file === undefined ? undefined : new PacketBuffer();
    this.line = settings.lines ? (text) => this.keepLine(text) : undefined;
  }

  readonly wallMs = (): number => performance.timeOrigin + performance.now();

  /** Called before every packet, so that a full batch is written here. */
  get packets(): PacketBuffer | undefined {
    if (this.batch !== undefined && this.batch.lengthBytes >= BATCH_BYTES) this.writeBatch();
    return this.batch;
  }

  /** Undefined if the peer is not traced. */
  tap(about: TappedConnection): WireTap | undefined {
    return isChosen(this.settings.peers, about) ? new WireTap(this, about) : undefined;
  }

  /** Writes everything that was collected. */
  flush(): void {
    this.writeBatch();
    if (this.lines.length === 0) return;
    this.send({ type: 'trace', lines: this.lines, lost: this.lostLines });
    this.lines = [];
    this.lostLines = 0;
  }

  close(): void {
    this.flush();
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
    this.batch = undefined;
  }

  private keepLine(text: string): void {
    if (this.lines.length < MAX_LINES) this.lines.push(text);
    else this.lostLines += 1;
  }

  /**
   * Writes whole packets at the end of the file (`O_APPEND`), so that threads do not mix their
   * data. Synchronous: a trace that cannot keep up slows its peers down and loses nothing.
   */
  private writeBatch(): void {
    const { batch, settings } = this;
    if (batch === undefined || batch.lengthBytes === 0 || settings.file === undefined) return;
    if (Atomics.load(this.stopped, TRACE_STOPPED_WORD) !== TRACE_STOPPED.not) {
      this.batch = undefined;
      return;
    }
    const { limitBytes } = settings;
    const bytes = batch.take();
    const before = Number(Atomics.add(this.writtenBytes, 0, BigInt(bytes.length)));
    const endBytes = wholePacketBytes(bytes, limitBytes - before);
    if (endBytes < bytes.length) {
      Atomics.sub(this.writtenBytes, 0, BigInt(bytes.length - endBytes));
      this.stop(TRACE_STOPPED.limit, `it has reached its limit of ${limitBytes} bytes`);
    }
    try {
      this.file ??= openRegular(settings.file, OPEN_TO_APPEND);
      for (let at = 0; at < endBytes;) at += writeSync(this.file, bytes, at, endBytes - at);
    } catch (error) {
      const { message } = recordOf(withPath(error, settings.file));
      this.stop(TRACE_STOPPED.failed, message);
    }
  }

  /** Ends the trace for all threads; the first thread to notice logs it. */
  private stop(code: number, why: string): void {
    this.batch = undefined;
    const { not } = TRACE_STOPPED;
    if (Atomics.compareExchange(this.stopped, TRACE_STOPPED_WORD, not, code) !== not) return;
    const level = code === TRACE_STOPPED.limit ? 'warn' : 'error';
    const file = this.settings.file ?? '';
    this.send({ type: 'log', level, message: `the wire trace ends: ${why}`, fields: { file } });
  }
}
