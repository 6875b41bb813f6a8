import type { AccessSection, AuthMethod, AuthSection } from './auth-schema.js'
import type { Normalized } from './normalize-by-schema.js'

export type AccessSettings = Normalized<AccessSection>

export type AuthSettings = Normalized<AuthSection>

/** One method of authentication: exactly one of its keys is there. */
export type AuthMethodSettings = Normalized<AuthMethod>

export type JwtSettings = NonNullable<AuthMethodSettings['jwt']>
export type ApiKeySettings = NonNullable<AuthMethodSettings['apiKey']>
export type BasicSettings = NonNullable<AuthMethodSettings['basic']>
export type ForwardSettings = NonNullable<AuthMethodSettings['forward']>

/** What of a client's requests no service gets, where a route has authentication. */
export interface KeptBack {
  /** Headers that authentication alone sets, and those with credentials that are not to travel on. In lower case. */
  readonly headers: readonly string[]
  /** Parameters of the query that have a key. */
  readonly parameters: readonly string[]
}

/** Whichever of several methods a request passes by, what all of them set is kept back. */
export function keptBack (auth: AuthSettings | false | undefined): KeptBack {
  const methods = auth ? [auth, ...auth.any ?? [], ...auth.all ?? []] : []
  return {
    headers: [...new Set(methods.flatMap(headersOf).map(name => name.toLowerCase()))],
    parameters: methods.flatMap(({ apiKey }) => apiKey?.query ?? [])
  }
}

const AUTHORIZATION = 'authorization'

function headersOf ({ jwt, apiKey, basic, forward }: AuthMethodSettings): string[] {
  return [
    ...Object.keys(jwt?.forward ?? {}),
    apiKey?.forward ?? [],
    basic?.forward ?? [],
    ...forward?.copyResponseHeaders ?? [],
    ...(jwt?.strip || basic?.strip ? [AUTHORIZATION] : []),
    ...(apiKey?.strip && apiKey.header !== undefined ? [apiKey.header] : [])
  ].flat()
}
