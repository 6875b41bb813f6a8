import type { AccessLine, AccessLines, LoggedRequest } from './access-line.js'
import type { Redaction } from './redaction.js'

export interface ChosenOptions {
  readonly redaction: Redaction
  /** The part of the successes that is written, from 0 to 1. */
  readonly sample: number
  /** Milliseconds from which on a request is slow, which is a warning; absent: none is. */
  readonly slow?: number | undefined
}

const SWITCHING_PROTOCOLS = 101

/** Which lines are written, and without which secrets; how is up to the lines behind. */
export class ChosenLines implements AccessLines {
  readonly #lines: AccessLines
  readonly #options: ChosenOptions
  readonly #random: () => number

  /** @param random from 0 up to but not including 1 */
  constructor (lines: AccessLines, options: ChosenOptions, random: () => number = Math.random) {
    this.#lines = lines
    this.#options = options
    this.#random = random
  }

  isOn (isFailure: boolean): boolean {
    // One that is slow becomes a warning.
    return this.#lines.isOn(isFailure) || (this.#options.slow !== undefined && this.#lines.isOn(true))
  }

  write (line: AccessLine, isFailure: boolean, request?: LoggedRequest): void {
    const { sample, redaction } = this.#options
    const isWarning = isFailure || this.#isSlow(line)
    if (!isWarning && !(this.#lines.isOn(false) && (sample === 1 || isFailed(line) || this.#random() < sample))) return
    if (line.url !== undefined) line.url = redaction.url(line.url)
    this.#lines.write(line, isWarning, request)
  }

  /** A tunnel is as long as whoever uses it wants. */
  #isSlow ({ duration = 0, status }: AccessLine): boolean {
    const { slow } = this.#options
    return slow !== undefined && duration >= slow && status !== SWITCHING_PROTOCOLS
  }
}

function isFailed ({ outcome, status }: AccessLine): boolean {
  return outcome !== 'completed' || status >= 500
}
