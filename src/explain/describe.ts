import type { Explanation, ShownFields } from './given.js'

/** An explanation as lines for a terminal. */
export function describe ({ request: { method, target, host }, notes, route, forwarded, why, response }: Explanation): string[] {
  const first = [`${method} ${target} of ${host}`, ...notes.map(note => `(${note})`), '']
  const taken = route === undefined ? [] : [`takes routes[${route.index}], ${route.takes}`, `passes  ${route.policies.join(', ') || 'no policy'}`, '']
  if (response === undefined) return [...first, 'is not for the gateway', `because ${why}`]
  const added = linesOf(response.headers)
  if (forwarded === undefined) {
    const { status, body } = response
    return [...first, `is not forwarded. The gateway responds itself: ${status}`, `because ${why}`, ...added, ...(body === undefined ? [] : ['', `    ${body}`])]
  }
  return [
    ...first, ...taken, `and goes to ${forwarded.to} as`, `    ${method} ${forwarded.path}`, ...linesOf(forwarded.headers),
    ...(added.length > 0 ? ['', 'Its response gets', ...added] : [])
  ]
}

function linesOf (fields: ShownFields): string[] {
  return fields.map(([name, value]) => `    ${name}: ${value}`)
}
