import type { Test } from 'tap'
import { HealthChecks } from '../../../src/upstream/health/health-checks.js'
import type { HealthOptions } from '../../../src/upstream/health/health-checks.js'
import type { TargetOptions } from '../../../src/upstream/target.js'

/** Milliseconds that no test waits for: only the first check of a target happens. */
export const NEVER = 1_000_000

/** What is told of targets, which are named by text. */
export class Told {
  readonly lines: string[] = []
  #wake: () => void = () => {}

  healthy (target: string, reason: string): void {
    this.#add(`${target} healthy: ${reason}`)
  }

  unhealthy (target: string, reason: string): void {
    this.#add(`${target} unhealthy: ${reason}`)
  }

  #add (line: string): void {
    this.lines.push(line)
    this.#wake()
  }

  /** Waits for so many lines. */
  async count (lines: number): Promise<string[]> {
    while (this.lines.length < lines) await new Promise<void>(resolve => { this.#wake = resolve })
    return this.lines
  }
}

export function options (more: Partial<HealthOptions> = {}): HealthOptions {
  return { type: 'http', path: '/health', interval: NEVER, timeout: 5_000, healthyAfter: 2, unhealthyAfter: 3, ...more }
}

export function checks (t: Test, more: Partial<HealthOptions> = {}, random?: () => number): { told: Told, checks: HealthChecks<string> } {
  const told = new Told()
  const checks = new HealthChecks<string>(options(more), told, random)
  t.teardown(() => checks.close())
  return { told, checks }
}

export function http (port: number, more: Pick<TargetOptions, 'basePath' | 'connectTimeout' | 'http2'> = {}): TargetOptions {
  return { protocol: 'http', host: '127.0.0.1', port, ...more }
}

/** What the first check of a target comes to. */
export async function firstVerdict (t: Test, endpoint: TargetOptions, more: Partial<HealthOptions> = {}): Promise<string | undefined> {
  const { told, checks: one } = checks(t, more)
  await one.add('target', endpoint)
  t.equal(told.lines.length, 1, 'told once, and before the first check counts as ended')
  return told.lines[0]?.replace('target ', '')
}
