/** Which origins a policy allows, as it is written: `true` is every one, `false` none, `https://*.example.com` any of one label. */
export type Origins = boolean | string | string[]

/** What an origin is compared with. */
export type OriginTest = boolean | string | RegExp | Array<string | RegExp>

/** The asterisk of an origin that has one beside its scheme and the rest of its host. */
const WILDCARD = '://*.'
/** One label of a host, as browsers write it in an origin. No dot: a page of `a.b.example.com` is another site's, perhaps. */
const LABEL = '://[a-z\\d_-]+\\.'

/** Prepares a policy's origins, at start. */
export function compileOrigins (origins: Origins): OriginTest {
  if (typeof origins === 'boolean') return origins
  return Array.isArray(origins) ? origins.map(compileOrigin) : compileOrigin(origins)
}

function compileOrigin (origin: string): string | RegExp {
  if (!origin.includes(WILDCARD)) return origin
  const parts = origin.split(WILDCARD).map(part => part.replace(/[^\w-]/g, '\\$&'))
  return new RegExp(`^${parts.join(LABEL)}$`)
}

export function isAllowed (origin: string, allowed: OriginTest): boolean {
  if (typeof allowed === 'boolean') return allowed
  if (Array.isArray(allowed)) return allowed.some(one => isAllowed(origin, one))
  return typeof allowed === 'string' ? allowed === '*' || allowed === origin : allowed.test(origin)
}
