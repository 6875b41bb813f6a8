const HIDDEN = '***'

/** Keys whose text is nobody's business. */
const SECRET = /authorization|cookie|key|secret|password|token/i
/** Of these each text below is a secret; a section such as `cookies` has texts of its own. */
const LISTS = /^(?:keys|secrets|passwords|tokens)$/i
/** `rateLimit.key` names what is counted. */
const NO_SECRET = /^(?:rateLimit\.key|.*\.rateLimit\.key)$/
const PEM = /-----BEGIN /
const USER_INFORMATION = /\/\/[^/\s]*@/g

/** A copy of a configuration for people to look at, without what it keeps from them. */
export function hideSecrets (value: unknown, path = '', isSecret = false): unknown {
  if (typeof value === 'string') return isSecret ? HIDDEN : hideInText(value)
  if (isField(value)) return [value[0], hideSecrets(value[1], path, isSecret || SECRET.test(value[0]))]
  if (Array.isArray(value)) return value.map(item => hideSecrets(item, path, isSecret))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => {
    const below = path === '' ? key : `${path}.${key}`
    const hides = !NO_SECRET.test(below) && SECRET.test(key)
    return [key, hideSecrets(item, below, isSecret || (hides && (typeof item !== 'object' || LISTS.test(key))))]
  }))
}

/** The value of a header, or what stands in its place. */
export function hideInField (name: string, value: string): string {
  return SECRET.test(name) ? HIDDEN : hideInText(value)
}

function hideInText (text: string): string {
  return PEM.test(text) ? HIDDEN : text.replace(USER_INFORMATION, `//${HIDDEN}@`)
}

/** A header of a normalized configuration: its name, and its value taken apart. */
function isField (value: unknown): value is [name: string, template: unknown[]] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && Array.isArray(value[1])
}
