import { nobody } from './candidate.js'
import type { Candidate } from './candidate.js'

/**
 * Draws one, each with the chance that its weight has among all.
 *
 * @param random from 0 up to but not including 1
 * @param except one that is left out
 * @throws RangeError when there is none to draw
 */
export function draw<Target extends Candidate> (candidates: readonly Target[], random: () => number, except?: Target): Target {
  let total = 0
  for (const candidate of candidates) if (candidate !== except) total += candidate.weight
  let left = random() * total
  let drawn: Target | undefined
  for (const candidate of candidates) {
    if (candidate === except) continue
    // The last one stays where rounding leaves a rest.
    drawn = candidate
    left -= candidate.weight
    if (left < 0) break
  }
  if (drawn === undefined) throw nobody()
  return drawn
}
