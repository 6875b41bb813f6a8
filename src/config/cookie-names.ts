/** A path in a cookie: what could end the attribute is not in it. */
export const COOKIE_PATH = /^\/[!-:<-~]*$/
export const COOKIE_DOMAIN = /^\.?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/

/** What a path of a cookie may be. */
export function validateCookiePath (text: string): string | undefined {
  return COOKIE_PATH.test(text) ? undefined : 'must be a path such as "/auth"'
}

/** What a domain of a cookie may be. */
export function validateCookieDomain (text: string): string | undefined {
  return COOKIE_DOMAIN.test(text) ? undefined : 'must be a domain such as "auth.internal"'
}
