import type { Mistake } from './config-error.js'
import { show } from './explain.js'
import { formats } from './formats.js'
import { isPair } from './pem.js'
import { isSection } from './raw-section.js'

/** A certificate is of no use without its own key. */
export function checkPair (tls: unknown, path: string): Mistake[] {
  if (!isSection(tls)) return []
  const { cert, key } = tls
  if (cert === undefined && key === undefined) return []
  if (cert === undefined) return [{ path: `${path}.cert`, message: 'is missing, must be given together with key' }]
  if (key === undefined) return [{ path: `${path}.key`, message: 'is missing, must be given together with cert' }]
  const isReadable = typeof cert === 'string' && typeof key === 'string' &&
    formats.certificates(cert) === undefined && formats['private-key'](key) === undefined
  return isReadable && !isPair(cert, key) ? [{ path: `${path}.key`, message: `found ${show(key)}, must be the key of cert` }] : []
}
