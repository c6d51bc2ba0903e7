// The public API: everything that an embedder may import. No file of lib imports this one, except
// the command line, which is an embedder itself.

export { Coordinator, type CoordinatorEvents } from './api/coordinator';
export { EngineThreads } from './api/engine-threads';
export { Torrent, type TorrentEvents } from './api/torrent';
export type { AddOptions, CoordinatorOptions, Logger } from './api/options';
export type { IpFilterOptions, IpFilterReport } from './api/ip-filter';
export type { NetworkOptions } from './api/network-options';
export { readTorrent, type TorrentSource } from './api/sources';
export { formatMagnet, readMagnet, type MagnetSource } from './api/magnet';
export type { FileRange, IgnoredParameter, MagnetLink } from './metainfo/magnet';
export {
  createTorrent,
  type CreatedTorrent,
  type CreateOptions,
  type LinkRule,
} from './api/create-torrent';
export type { FollowedLink, SkippedEntry } from './api/list-files';
export {
  verifyTorrent,
  type VerifiedFile,
  type VerifyOptions,
  type VerifyReport,
} from './api/verify-torrent';
export type { BulkOptions, WorkProgress } from './api/bulk-verify';
export { VERSION } from './api/version';
export { MillraceError } from './errors/millrace-error';
export { CLOSE_REASONS, type CloseReason } from './messages/close-reasons';
export type { LimitBehind, TransferAccount, TransferLimit } from './messages/account';
export type { Choking, SeedChoking } from './messages/choking';
export type { AnnounceToAll, PeerAddress } from './messages/control';
export type { LogLevel } from './text/log-levels';
export type {
  CloseCounts,
  EngineStats,
  MetadataProgress,
  TorrentPhase,
  TorrentStats,
  TrackerStats,
} from './messages/stats';
export type { FileEntry, IgnoredTracker, Metainfo, SymlinkEntry } from './metainfo/metainfo';
export type { NameMapping } from './metainfo/names';
export type { FileIdentity, FilePlace, KnownFile, StorageRef } from './messages/storage';
export type {
  StorageLock,
  StorageModule,
  StorageReader,
  StorageState,
  StorageWriter,
  StoredRecord,
  StoredStat,
} from './storage/storage';
export { encodeTorrent, hexDump, isTrackerUrl, namesOnDisk, redactUrl } from './api/tools';
export {
  announce,
  scrape,
  type AnnounceOptions,
  type ReportField,
  type ReportPacket,
  type ScrapeOptions,
  type TrackerReport,
} from './api/announce';
export type { ByteRange, HexDumpOptions } from './inspect/hexdump';
export { diagnose, type Diagnosis, type DiagnoseOptions } from './api/diagnose';
export type {
  AddressFinding,
  ClockFinding,
  DnsFinding,
  Finding,
  FindingLevel,
  MetadataFinding,
  PeerFinding,
  PeerOutcome,
  PieceRange,
  PiecesFinding,
  PortFinding,
  SpaceFinding,
  TorrentFinding,
  TrackerFinding,
  Verdict,
  WriteFinding,
} from './doctor/findings';
export type { TraceOptions, TraceStatus } from './api/trace';
export {
  startTracker,
  type TrackerLimits,
  type TrackerServer,
  type TrackerServerOptions,
  type TrackerServerStats,
} from './api/tracker';
export type { LimitOptions, RateLimitOptions, TimedLimits, Weekday } from './api/rate-limits';
export type { RateLimits } from './messages/rates';
export { share, type Share, type ShareOptions } from './api/share';
export { localAddresses } from './api/local-addresses';
