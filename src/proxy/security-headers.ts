import { fieldValue } from './fields.js'

/**
 * Of what helmet sets, what no service is broken by that knows nothing of it: a content security policy, isolation by
 * origin, and a Referrer-Policy that takes Referer from forms whose service checks it, are for each service to choose.
 */
const FIELDS = [
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'SAMEORIGIN'],
  ['Referrer-Policy', 'strict-origin-when-cross-origin'],
  ['X-Permitted-Cross-Domain-Policies', 'none'],
  ['X-XSS-Protection', '0']
] as const

/** Without `includeSubDomains`: other hosts of the domain may have no TLS. A client ignores it without (RFC 6797 section 8.1). */
const OVER_TLS = [...FIELDS, ['Strict-Transport-Security', 'max-age=31536000']] as const

interface Field { readonly name: string, readonly lowerCase: string, readonly value: string }

/** The fields by which browsers are asked to be careful, where a service sends none of its own. */
export class SecurityHeaders {
  readonly #fields: readonly Field[]
  readonly #overTls: readonly Field[]

  /** @param except names (lower case) that a rule of the route decides on */
  constructor (except: readonly string[]) {
    this.#fields = fieldsOf(FIELDS, except)
    this.#overTls = fieldsOf(OVER_TLS, except)
  }

  addTo (head: string[], protocol: string): void {
    for (const { name, lowerCase, value } of protocol === 'https' ? this.#overTls : this.#fields) {
      if (fieldValue(head, lowerCase) === undefined) head.push(name, value)
    }
  }
}

function fieldsOf (fields: ReadonlyArray<readonly [name: string, value: string]>, except: readonly string[]): Field[] {
  return fields.map(([name, value]) => ({ name, lowerCase: name.toLowerCase(), value })).filter(({ lowerCase }) => !except.includes(lowerCase))
}
