import type { Mistake } from './config-error.js'
import { isSection } from './raw-section.js'
import { checkPair } from './tls-consistency.js'

/**
 * TLS is asked for by the URL of the store: a certificate beside any other would never be looked at.
 *
 * @param global what is laid under the section, for that of a route
 */
export function checkStore (rateLimit: unknown, path: string, global: unknown = {}): Mistake[] {
  if (!isSection(rateLimit) || rateLimit.tls === undefined) return []
  const { store } = { ...isSection(global) ? global : {}, ...rateLimit }
  const isTls = typeof store === 'string' && store.startsWith('rediss:')
  return isTls
    ? checkPair(rateLimit.tls, `${path}.tls`)
    : [{ path: `${path}.tls`, message: 'found an object, must be left out: the store is not "rediss://…"' }]
}
