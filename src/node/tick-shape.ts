import { executionAsyncResource } from 'node:async_hooks'

let kept: object | undefined

/**
 * Keeps one of the objects alive that Node makes for each `process.nextTick`. V8 forgets the shape of such an object
 * literal when a collection finds none of them alive, which under `fastify start` happens early, and the objects made
 * from then on are slow ones for as long as the process lives: 8 % of all CPU time under Node 20. It changes nothing
 * but that, and is to be called first thing in a process of one's own, before the rest of its modules is loaded.
 */
export function keepTickShape (): void {
  process.nextTick(() => { kept = executionAsyncResource() })
}

/** For the test. */
export function keptTick (): object | undefined {
  return kept
}
