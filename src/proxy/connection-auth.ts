import { isSame } from './fields.js'
import type { RawFields } from './fields.js'

/**
 * Whether a request authenticates the connection that it is sent on, and with it all that follows there (RFC 4559, and
 * NTLM): somebody else's request on that connection would be taken for this client's.
 */
export function authenticatesConnection (fields: RawFields): boolean {
  for (let i = 0, name = fields[0]; name !== undefined; name = fields[i += 2]) {
    const value = fields[i + 1]
    if (isSame(name, 'authorization') && value !== undefined && (isOf('ntlm', value) || isOf('negotiate', value))) return true
  }
  return false
}

function isOf (scheme: string, credentials: string): boolean {
  return credentials.slice(0, scheme.length).toLowerCase() === scheme
}
