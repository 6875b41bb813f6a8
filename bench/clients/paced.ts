import { setTimeout } from 'node:timers/promises'
import type { Client } from './client.js'

/** Milliseconds that the last responses may take. */
const PATIENCE = 2_000

/** Milliseconds of each request; NaN where the response was none of the upstream's. */
type Latencies = number[]

/**
 * Requests at a fixed rate, on whichever connection is free.
 *
 * @param rate requests per second, of all clients together
 * @returns the time from when each request was due
 */
export async function atRate (clients: readonly Client[], rate: number, milliseconds: number): Promise<Latencies> {
  const latencies: Latencies = []
  const free = [...clients]
  const due: number[] = []
  const start = performance.now()
  let asked = 0
  const ticking = setInterval(() => {
    const now = performance.now()
    for (; asked < Math.floor((now - start) / 1000 * rate); asked++) due.push(now)
    serve()
  }, 1)
  await setTimeout(milliseconds)
  clearInterval(ticking)
  const deadline = performance.now() + PATIENCE
  while (latencies.length < asked && performance.now() < deadline) await setTimeout(1)
  // What had no response counts as failed.
  return [...latencies, ...Array<number>(asked - latencies.length).fill(NaN)]

  function serve (): void {
    while (due.length > 0 && free.length > 0) {
      const [client, since = NaN] = [free.pop(), due.shift()]
      client?.ask(right => {
        latencies.push(right ? performance.now() - since : NaN)
        free.unshift(client)
        serve()
      })
    }
  }
}

/** Each request when the one before has its response. */
export async function oneAfterAnother (client: Client, milliseconds: number): Promise<Latencies> {
  const latencies: Latencies = []
  const end = performance.now() + milliseconds
  for (let start = performance.now(); start < end && client.isOpen; start = performance.now()) {
    const right = await new Promise<boolean>(resolve => client.ask(resolve))
    latencies.push(right ? performance.now() - start : NaN)
  }
  return latencies
}
