import { BlockList, isIP, isIPv6 } from 'node:net'

/** Whether an address is among those of a list, or in one of its CIDR ranges; made at start. */
export function compileAddresses (list: readonly string[]): (address: string) => boolean {
  const known = new BlockList()
  for (const entry of list) {
    const [address = '', range] = entry.split('/')
    if (range === undefined) known.addAddress(address, familyOf(address))
    else known.addSubnet(address, Number(range), familyOf(address))
  }
  // What a proxy says of its client need not be an address.
  return address => isIP(address) !== 0 && known.check(address, familyOf(address))
}

function familyOf (address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}
