// What the file system of an output guarantees.
import { statfs } from 'node:fs/promises';

/**
 * Linux file systems that use the machine's own clock (statfs(2)): a modification time read right
 * after a write stays valid. Servers (NFS, SMB) and FUSE set it again when the data arrives.
 */
const LOCAL_TYPES: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0xf2f52010, // f2fs
  0x2fc12fc1, // zfs
  0x01021994, // tmpfs
  0x794c7630, // overlayfs
]);

/** Whether times read right after a write can be compared with later ones. False if unknown. */
export async function keepsExactTimes(folder: string): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  try {
    return LOCAL_TYPES.has((await statfs(folder)).type);
  } catch {
    return false;
  }
}
