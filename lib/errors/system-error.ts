// What system errors mean, worded to follow a colon: `cannot read x: <words>`.

const MEANINGS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'another program uses the port',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EAFNOSUPPORT: 'this machine does not speak that kind of address',
  EBUSY: 'another program uses it',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'it exists already',
  EFBIG: 'the file system takes no file that long',
  EHOSTUNREACH: 'there is no way to that host',
  EINVAL: 'the system does not take that name or value',
  EIO: 'the disk reports an input/output error',
  EISDIR: 'it is a folder',
  ELOOP: 'too many symbolic links, or one where none is followed',
  EMFILE: 'this process has as many files open as it may (see `ulimit -n`)',
  ENAMETOOLONG: 'the name or the path is too long for the file system',
  ENFILE: 'the system has as many files open as it can',
  ENODEV: 'there is no such device',
  ENOBUFS: 'the system has no buffer left for another connection',
  ENOENT: 'no such file or folder',
  ENOMEM: 'the system has no memory left',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is not a folder',
  ENOTFOUND: 'there is no host of that name',
  ENOTSUP: 'the file system cannot do that',
  ENXIO: 'it is not a file that can be opened',
  EPERM: 'the operation is not permitted',
  EROFS: 'the file system is read-only',
  ESTALE: 'the network file system has lost the file',
  ETIMEDOUT: 'the file system or network did not answer in time',
  ETXTBSY: 'it is a program that is running',
  EXDEV: 'it lies on another file system',
};

/**
 * What went wrong, without the path: our words for common system codes (`ENOSPC` → `the disk is
 * full`), else the error's own message.
 */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return (code === undefined ? undefined : MEANINGS[code]) ?? error.message;
}

/** What to do about an error, where it is always the same. Worded to follow a semicolon. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'change its permissions, or use another place',
  EDQUOT: 'free space, or use another place',
  EFBIG: 'use a place on another file system (FAT32 takes at most 4 GiB a file)',
  EIO: 'check the disk',
  EMFILE: 'raise that limit, or have fewer connections and torrents at once',
  ELOOP: 'correct the link, or name the place that it is to lead to',
  ENAMETOOLONG: 'use a place with a shorter path',
  ENFILE: 'close other programs, or raise the limit of the system (`fs.file-max`)',
  ENOBUFS: 'close other programs, or have fewer connections at once',
  ENOMEM: 'close other programs, or have fewer connections and torrents at once',
  ENOSPC: 'free space, or use another place',
  EPERM: 'change its permissions, or use another place',
  EROFS: 'use another place, or mount it writable',
  ESTALE: 'mount it anew',
};

/** `; <what to do>` for a system code; empty if there is no general advice. */
export function systemAdvice(code: string | undefined): string {
  const advice = code === undefined ? undefined : ADVICE[code];
  return advice === undefined ? '' : `; ${advice}`;
}

/** The meaning of a code, for errors that another thread reported. */
export function meaningOf(code: string): string | undefined {
  return MEANINGS[code];
}

/** The process or the system has no free descriptor: the file or peer is not at fault. */
export function isOutOfDescriptors(error: unknown): boolean {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code === 'EMFILE' || code === 'ENFILE';
}

/** Local shortages, for which the other end of a connection is not at fault. */
const LACKS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

/** Whether a connection failed for a local shortage, and not because of its other end. */
export function isLackOfOurs(error: unknown): boolean {
  return isLackCode((error as NodeJS.ErrnoException).code);
}

/** The same for a system code, for errors that were reported as records. */
export function isLackCode(code: unknown): boolean {
  return typeof code === 'string' && LACKS.has(code);
}

/**
 * The code if a thread or a part of Node failed for lack of descriptors. If a thread could not
 * start, only the message contains it.
 */
export function descriptorsLacking(error: unknown): string | undefined {
  if (isOutOfDescriptors(error)) return (error as NodeJS.ErrnoException).code;
  return /\b(?:EMFILE|ENFILE)\b/.exec(error instanceof Error ? error.message : '')?.[0];
}

/** What Node throws if the system starts no thread for it has a code of Node's; the system's is the message. */
function isOutOfThreads(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ERR_WORKER_INIT_FAILED' && /\b(?:EAGAIN|ENOMEM)\b/.test(message);
}

/** Why a thread or a part of Node failed, with advice if it lacked descriptors or threads. */
export function failureReason(error: unknown): string {
  if (error instanceof Error && isOutOfThreads(error))
    return 'the system lets this process start no more threads; close other programs, raise that limit (`ulimit -u`), or use fewer threads';
  const code = descriptorsLacking(error);
  return code === undefined ? systemReason(error) : `${MEANINGS[code]}${systemAdvice(code)}`;
}

const LISTEN_ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'ports below 1024 are for the administrator: choose another port, or 0 for a free one',
  EADDRNOTAVAIL: 'listen on an address of this machine, or on all of them',
  ENOTFOUND: 'listen on an address of this machine, or on all of them',
};

/** Why listening failed, and what to do; follows `cannot listen on <host> port <port>: `. */
export function listenReason(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  const listen = LISTEN_ADVICE[code ?? ''] ?? 'choose another port, or 0 for a free one';
  const advice = isLackOfOurs(error) ? systemAdvice(code) : `; ${listen}`;
  return systemReason(error) + advice;
}

/** What a file system call does, as a verb for messages. */
const PURPOSES: Readonly<Record<string, string>> = {
  access: 'use',
  close: 'close',
  copyfile: 'copy',
  fdatasync: 'write',
  fstat: 'look at',
  fsync: 'write',
  ftruncate: 'cut',
  link: 'make',
  lstat: 'look at',
  mkdir: 'make the folder',
  open: 'open',
  opendir: 'read the folder',
  read: 'read',
  readlink: 'look at',
  realpath: 'look at',
  rename: 'rename',
  rmdir: 'remove',
  scandir: 'read the folder',
  stat: 'look at',
  statfs: 'look at',
  unlink: 'remove',
  write: 'write',
};

/** `cannot write <path>: the disk is full` for file system errors, else the error's own message. */
export function systemMessage(error: Error): string {
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  const purpose = syscall === undefined ? undefined : PURPOSES[syscall];
  if (purpose === undefined || code === undefined || MEANINGS[code] === undefined) {
    return error.message;
  }
  return `cannot ${purpose} ${path ?? 'a file'}: ${MEANINGS[code]}`;
}

/** Codes with which listening on `::` fails on a machine without IPv6. */
const WITHOUT_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL', 'EPROTONOSUPPORT']);

/**
 * Whether listening on `::` failed because the machine has no IPv6: the caller then tries IPv4
 * alone.
 */
export function isWithoutIpv6(code: string): boolean {
  return WITHOUT_IPV6.has(code);
}

/** Runs `work` on an open file. System errors of descriptors contain no path, so this adds it. */
export function onFile<T>(pathOf: () => string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw withPath(error, pathOf());
  }
}

/** The same error, with the path of its file if it has none. */
export function withPath(error: unknown, path: string): unknown {
  if (error instanceof Error && 'syscall' in error && !('path' in error)) {
    return Object.assign(error, { path });
  }
  return error;
}
