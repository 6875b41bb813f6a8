/** What a load balancer, or an orchestrator, is told. */
export interface Readiness {
  readonly code: 200 | 503
  readonly body: { readonly status: 'ok' | 'draining' } | { readonly status: 'unavailable', readonly upstreams: readonly string[] }
}

/**
 * Whether new work is wanted.
 *
 * @param unavailable the upstreams that have no target that is available
 */
export function readinessOf (isDraining: boolean, unavailable: readonly string[]): Readiness {
  if (isDraining) return { code: 503, body: { status: 'draining' } }
  if (unavailable.length > 0) return { code: 503, body: { status: 'unavailable', upstreams: unavailable } }
  return { code: 200, body: { status: 'ok' } }
}
