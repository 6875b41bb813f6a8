import { BlockList, isIP, isIPv6 } from 'node:net'
import type { Mistake } from './config-error.js'
import { show } from './explain.js'
import { isSection } from './raw-section.js'
import { bareHost } from './target.js'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** What the listener tells is not for everybody who can reach it. */
export function checkAdmin (admin: unknown): Mistake[] {
  if (!isSection(admin)) return []
  const { host, token } = admin
  if (typeof host !== 'string' || token !== undefined || isLoopback(bareHost(host))) return []
  return [{ path: 'admin.token', message: `is missing, must be given where admin.host is no loopback address: others can reach ${show(host)}` }]
}

function isLoopback (host: string): boolean {
  if (isIP(host) === 0) return host.toLowerCase() === 'localhost'
  return LOOPBACK.check(host, isIPv6(host) ? 'ipv6' : 'ipv4')
}
