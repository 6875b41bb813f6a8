/** Steps in their order. Each yields what it came to, be it a promise, and gets back what that came to. */
export type Steps = Generator<unknown, void, unknown>

/** Whose steps they are. */
export interface StepsOwner {
  /** Whether nobody wants the steps that are left. */
  isOver (): boolean
  /** Milliseconds that one step may take. */
  readonly timeout: number
  /** A step has to be waited for. */
  waiting (): void
  /** One failed, or took too long; the others are left out. */
  failed (error: unknown): void
}

/** Takes steps, at once as far as none has to be waited for. Left out are those that are left when it is over. */
export function take (steps: Steps, owner: StepsOwner): void {
  advance(steps, owner, undefined)
}

function advance (steps: Steps, owner: StepsOwner, value: unknown): void {
  try {
    let step = steps.next(value)
    while (step.done !== true && !isPromise(step.value)) step = steps.next(step.value)
    if (step.done !== true) wait(steps, owner, step.value)
  } catch (error) {
    owner.failed(error)
  }
}

function wait (steps: Steps, owner: StepsOwner, step: unknown): void {
  let isDue = true
  const timer = setTimeout(() => goOn(() => fail(new Error(`not done within ${owner.timeout} ms`))), owner.timeout).unref()
  owner.waiting()
  Promise.resolve(step).then(
    value => goOn(() => advance(steps, owner, value)),
    error => goOn(() => fail(error))
  )

  function fail (error: unknown): void {
    steps.return()
    owner.failed(error)
  }

  function goOn (next: () => void): void {
    if (!isDue) return
    isDue = false
    clearTimeout(timer)
    if (owner.isOver()) steps.return()
    else next()
  }
}

export function isPromise (value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
