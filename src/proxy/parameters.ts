// The parameters of a query, as forms have them. A query is text to the gateway, and stays so but for what is taken out of it.

/** Whether a part of a query is the parameter of that name. */
function isNamed (part: string, name: string): boolean {
  const equals = part.indexOf('=')
  return decoded(equals === -1 ? part : part.slice(0, equals)) === name
}

function decoded (text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

/**
 * The values of all parameters of that name.
 *
 * @param target in any form
 */
export function parameterValues (target: string, name: string): string[] {
  const query = target.indexOf('?')
  if (query === -1) return []
  return target.slice(query + 1).split('&').filter(part => isNamed(part, name)).map(part => {
    const equals = part.indexOf('=')
    return equals === -1 ? '' : decoded(part.slice(equals + 1))
  })
}

/** A target without the parameters of these names. What else it has stays as it stands on the wire. */
export function withoutParameters (target: string, names: readonly string[]): string {
  const query = target.indexOf('?')
  if (query === -1) return target
  const parts = target.slice(query + 1).split('&')
  const kept = parts.filter(part => !names.some(name => isNamed(part, name)))
  if (kept.length === parts.length) return target
  return kept.length === 0 ? target.slice(0, query) : `${target.slice(0, query)}?${kept.join('&')}`
}
