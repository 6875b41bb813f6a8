import { setTimeout as pass } from 'node:timers/promises'
import { loadOptional } from './optional-package.js'

type Api = typeof import('@opentelemetry/api')

/** Where @opentelemetry/api keeps what an SDK has registered, whichever copy of it that SDK has loaded. */
const API = Symbol.for('opentelemetry.js.api.1')

/** Milliseconds that a closing service waits for its last spans to be exported. */
const LAST_SPANS = 1_000

/** Whether an SDK has registered what makes spans, by now. Nothing is loaded for that. */
export function hasTracer (): boolean {
  const registered: unknown = Reflect.get(globalThis, API)
  return typeof registered === 'object' && registered !== null && Reflect.get(registered, 'trace') !== undefined
}

/** @throws ConfigError where the package is not installed */
export async function loadTracingApi (load = async (): Promise<Api> => await import('@opentelemetry/api')): Promise<Api> {
  return await loadOptional({ source: 'tracing', path: 'tracing', why: 'an OpenTelemetry SDK is registered', name: '@opentelemetry/api', instead: 'write false' }, load)
}

/**
 * Has the SDK export what it has, and waits for that no longer than a moment: whoever collects spans may be away.
 *
 * @param provider the registered one
 */
export async function exportLast (provider: object): Promise<void> {
  // What the package gives stands for the SDK's own.
  const flushed: unknown = 'getDelegate' in provider && provider.getDelegate instanceof Function ? provider.getDelegate() : provider
  if (!canFlush(flushed)) return
  const timer = new AbortController()
  // What cannot be exported, the SDK tells itself.
  const exported = flushed.forceFlush().catch(() => {})
  await Promise.race([exported, pass(LAST_SPANS, undefined, { signal: timer.signal }).catch(() => {})])
  timer.abort()
}

function canFlush (provider: unknown): provider is { forceFlush: () => Promise<void> } {
  return typeof provider === 'object' && provider !== null && 'forceFlush' in provider && provider.forceFlush instanceof Function
}
