import type { Test } from 'tap'
import { Discovery } from '../../../src/upstream/discovery/discovery.js'
import type { Address } from '../../../src/upstream/discovery/address.js'
import type { DiscoveryOptions } from '../../../src/upstream/discovery/discovery.js'

/** Milliseconds that no test waits for: only the first look-up happens. */
export const NEVER = 1_000_000

/** What is told of a name, a line each: `found 10.0.0.1:80 10.0.0.2:80*3 10.0.0.3:80 (backup)`, `failed: …`, `recovered`. */
export class Told {
  readonly lines: string[] = []
  #wake: () => void = () => {}

  found (addresses: readonly Address[]): void {
    this.#add(['found', ...addresses.map(({ address, port, weight, backup }) => `${address}:${port}${weight === 1 ? '' : `*${weight}`}${backup ? ' (backup)' : ''}`)].join(' '))
  }

  failed ({ message }: Error): void {
    this.#add(`failed: ${message}`)
  }

  recovered (): void {
    this.#add('recovered')
  }

  #add (line: string): void {
    this.lines.push(line)
    this.#wake()
  }

  async count (lines: number): Promise<void> {
    while (this.lines.length < lines) await new Promise<void>(resolve => { this.#wake = resolve })
  }
}

export function discovery (t: Test, options: Partial<DiscoveryOptions>, random?: () => number): { told: Told, discovery: Discovery } {
  const told = new Told()
  const discovery = new Discovery({ host: 'app.example', port: 80, refresh: NEVER, ...options }, told, random)
  t.teardown(() => discovery.close())
  return { told, discovery }
}

/** What the first look-up comes to. */
export async function first (t: Test, options: Partial<DiscoveryOptions>): Promise<string | undefined> {
  const { told, discovery: one } = discovery(t, options)
  await one.start()
  t.equal(told.lines.length, 1, 'told once, and before the first look-up counts as ended')
  return told.lines[0]
}
