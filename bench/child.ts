/** What a contender has used. */
export interface Usage {
  /** Microseconds, user and system, since it started. */
  cpu: number
  /** Bytes. */
  rss: number
  /** Requests, where it counts them. */
  served?: number
}

/** Answer to `begin` and `end`; `peak` is the highest RSS seen since `begin`. */
export interface Reading extends Usage {
  peak: number
}

export type Question = 'begin' | 'end'

/** First message of every child that listens. */
export interface Ready {
  port: number
  /** Others that it listens on as well. */
  more?: readonly number[]
}

const SAMPLE_INTERVAL = 20

/** The last argument of the child, given to it as JSON by `Child.start`. */
export function childOptions<T> (): T {
  return JSON.parse(process.argv[2] ?? '{}') as T
}

export function send (message: object): void {
  process.send?.(message)
}

/** A child lives as long as its parent's end of the channel, so that none is left behind however the parent ends. */
export function endWithParent (close: () => void | Promise<void> = () => {}): void {
  // Ctrl-C reaches the whole process group; the parent ends its children in its own order.
  process.on('SIGINT', () => {})
  process.on('disconnect', async () => {
    await close()
    process.exit()
  })
}

/** The child's side of a measurement: says where it listens, then answers each question with a reading. */
export function serve (ready: Ready, read: () => Usage = ownUsage, close?: () => void | Promise<void>): void {
  let peak = 0
  let sampling: NodeJS.Timeout | undefined

  endWithParent(close)
  process.on('message', (question: Question) => {
    clearInterval(sampling)
    if (question === 'begin') {
      peak = 0
      sampling = setInterval(sample, SAMPLE_INTERVAL)
    }
    const usage = sample()
    send({ ...usage, peak } satisfies Reading)
  })
  send(ready)

  function sample (): Usage {
    const usage = read()
    peak = Math.max(peak, usage.rss)
    return usage
  }
}

export function ownUsage (): Usage {
  const { user, system } = process.cpuUsage()
  return { cpu: user + system, rss: process.memoryUsage.rss() }
}
