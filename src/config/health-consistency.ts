import type { Mistake } from './config-error.js'
import { show } from './explain.js'
import { isSection } from './raw-section.js'

/** What each type of check has keys for. */
const OF_TYPE = { http: ['path', 'host', 'expect'], grpc: ['service', 'host'], tcp: [] } as const
const KEYS = ['path', 'service', 'host', 'expect'] as const

/** Says which keys a check of its type has no use for, or cannot do without. */
export function checkHealthChecks (health: unknown, path: string): Mistake[] {
  if (!isSection(health)) return []
  const { type = 'http' } = health
  if (type !== 'http' && type !== 'grpc' && type !== 'tcp') return []
  const used: readonly string[] = OF_TYPE[type]
  const missing = type === 'http' && health.path === undefined
    ? [{ path: `${path}.path`, message: 'is missing, must be a path such as "/health"' }]
    : []
  return [...missing, ...KEYS.filter(key => health[key] !== undefined && !used.includes(key)).map(key => ({
    path: `${path}.${key}`,
    message: `found ${show(health[key])}, must be left out: checks of the type ${show(type)} have none`
  }))]
}
