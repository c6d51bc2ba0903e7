// Errors of a dial that do not come from the peer or its network.

/** Code of the error when a name has no address but such that must not be reached. */
export const ADDRESS_REFUSED = 'ERR_ADDRESS_REFUSED';

/** Code of the error while the interface of the option `bind` has no address at all. */
export const NO_OWN_ADDRESS = 'ERR_NO_OWN_ADDRESS';

/** Whether the own address that a dial must be made from is not there. */
export function isWithoutOwnAddress({ code, syscall }: NodeJS.ErrnoException): boolean {
  return code === NO_OWN_ADDRESS || (code === 'EADDRNOTAVAIL' && syscall === 'bind');
}
