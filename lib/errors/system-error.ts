// What the operating system's errors mean, in words that follow a colon: `cannot read x: <words>`.

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
};

/**
 * What went wrong, without the path: words of ours for the common codes of the operating system
 * (`ENOSPC` → `the disk is full`), else the error's own message.
 */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return (code === undefined ? undefined : MEANINGS[code]) ?? error.message;
}
