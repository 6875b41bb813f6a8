/** Where one of the services behind a name listens. */
export interface Address {
  /** Of IPv4 or IPv6, without brackets. */
  readonly address: string
  readonly port: number
  /** Above 0. */
  readonly weight: number
  /** Whether it is there for when no other is available. */
  readonly backup: boolean
}

/** Addresses that are used of one name: each becomes a target with connections of its own. */
const MAX_ADDRESSES = 256

/** In an order of their own, since DNS servers shuffle them; the first of each key, and no more than are used. */
export function ordered<Item> (items: readonly Item[], keyOf: (item: Item) => string): Item[] {
  const byKey = new Map<string, Item>()
  for (const item of items) {
    const key = keyOf(item)
    if (!byKey.has(key)) byKey.set(key, item)
  }
  return [...byKey].sort(([one], [other]) => one < other ? -1 : 1).slice(0, MAX_ADDRESSES).map(([, item]) => item)
}

/** Alike for two of one place. */
export function placeOf ({ address, port }: Address): string {
  return `${address} ${port}`
}

/** Alike for two lists that say the same. */
export function textOf (addresses: readonly Address[]): string {
  return addresses.map(({ address, port, weight, backup }) => `${address} ${port} ${weight} ${backup}`).join()
}
