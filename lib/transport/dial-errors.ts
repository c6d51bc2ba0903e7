// Errors of a dial that do not come from the peer or its network.

/** Error code if a name has no address that may be dialled. */
export const ADDRESS_REFUSED = 'ERR_ADDRESS_REFUSED';

/** Error code while the interface of the option `bind` has no address at all. */
export const NO_OWN_ADDRESS = 'ERR_NO_OWN_ADDRESS';

/** Whether the own address for a dial does not exist now. */
export function isWithoutOwnAddress({ code, syscall }: NodeJS.ErrnoException): boolean {
  return code === NO_OWN_ADDRESS || (code === 'EADDRNOTAVAIL' && syscall === 'bind');
}
