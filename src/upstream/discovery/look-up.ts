import { ADDRCONFIG, NODATA, NOTFOUND, promises } from 'node:dns'
import type { SrvRecord } from 'node:dns'
import { ordered } from './address.js'
import type { Address } from './address.js'

/** What DNS is asked by: Node's own, or one that asks other servers. */
export type DnsResolver = Pick<promises.Resolver, 'resolve4' | 'resolve6' | 'resolveSrv' | 'cancel'>

/** What a name stands for at this moment. */
export interface Found {
  /** Empty when it stands for nothing. */
  readonly addresses: readonly Address[]
  /** Milliseconds for which that holds; Infinity where nobody says. */
  readonly ttl: number
}

/** Asks once. What was not found, or nobody responded to, is an error with a code. */
export type LookUp = (resolver: DnsResolver) => Promise<Found>

/** Records by type, each with its time to live in seconds. */
type Family = 'a' | 'aaaa'

/** The share of a SRV record with the weight 0 where others have more: "a very small chance" (RFC 2782). */
const LEAST_WEIGHT = 0.1

/** Asks as connections do: /etc/hosts and search domains count, and no time to live is known. */
export function systemLookUp (host: string, port: number): LookUp {
  let pending: Promise<Found> | undefined
  const ask = async (): Promise<Found> => {
    try {
      // No addresses of a family that this machine has not: as `net.connect` does it.
      const found = await promises.lookup(host, { all: true, hints: ADDRCONFIG })
      return { addresses: found.map(({ address }) => ({ address, port, weight: 1, backup: false })), ttl: Infinity }
    } finally {
      pending = undefined
    }
  }
  // getaddrinfo cannot be broken off, and takes one of libuv's few threads: one that hangs is waited for, and not doubled.
  return async () => await (pending ??= ask())
}

/** Asks DNS for the addresses of a name. */
export function addressLookUp (host: string, port: number, family: Family): LookUp {
  return async resolver => {
    const records = await recordsOf(resolver, host, family)
    return { addresses: records.map(({ address }) => ({ address, port, weight: 1, backup: false })), ttl: leastTtl(records) }
  }
}

/**
 * Asks DNS for the services of a name (RFC 2782), and for the addresses of each: of IPv4, and where it has none of IPv6.
 * Those of the lowest priority value are the targets, all others are there for when none of these is available. Node
 * does not tell how long a SRV record counts; its addresses do.
 */
export function serviceLookUp (host: string): LookUp {
  return async resolver => {
    const records = ordered((await resolver.resolveSrv(host)).filter(isService), byPriority)
    const first = Math.min(...records.map(({ priority }) => priority))
    const areWeighted = records.some(({ weight }) => weight > 0)
    const found = await Promise.all(records.map(async record => {
      const weight = areWeighted ? Math.max(record.weight, LEAST_WEIGHT) : 1
      return await serviceAddresses(resolver, record, weight, record.priority > first)
    }))
    return { addresses: found.flatMap(({ addresses }) => addresses), ttl: Math.min(...found.map(({ ttl }) => ttl)) }
  }
}

/** A single dot as the name says that there is no such service, and comes as no name. */
function isService ({ name }: SrvRecord): boolean {
  return name !== '' && name !== '.'
}

function byPriority ({ name, port, priority }: SrvRecord): string {
  return `${String(priority).padStart(5, '0')} ${name} ${port}`
}

/** @param weight of the service, which its addresses share */
async function serviceAddresses (resolver: DnsResolver, { name, port }: SrvRecord, weight: number, backup: boolean): Promise<Found> {
  const records = await existing(recordsOf(resolver, name, 'a')) ?? await existing(recordsOf(resolver, name, 'aaaa')) ?? []
  return { addresses: records.map(({ address }) => ({ address, port, weight: weight / records.length, backup })), ttl: leastTtl(records) }
}

/** A service that goes may have lost its address before its SRV record; the others are there still. */
async function existing<Records> (asked: Promise<Records>): Promise<Records | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === NOTFOUND || error.code === NODATA)) return undefined
    throw error
  }
}

async function recordsOf (resolver: DnsResolver, host: string, family: Family): Promise<Array<{ address: string, ttl: number }>> {
  return family === 'a' ? await resolver.resolve4(host, { ttl: true }) : await resolver.resolve6(host, { ttl: true })
}

function leastTtl (records: ReadonlyArray<{ ttl: number }>): number {
  return Math.min(...records.map(({ ttl }) => ttl * 1000))
}
