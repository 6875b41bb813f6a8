/** A segment of a path, and what may follow it. */
interface Segment<T> {
  /** Of the prefix that ends here. */
  value?: T
  /** Absent where no prefix is longer. */
  next?: Map<string, Segment<T>>
}

/**
 * Finds what stands for the longest prefix of a path, segment by segment: `/api` has `/api` and `/api/x`, not `/apix`.
 * However many prefixes there are, a path is read only as far as one of them reaches.
 */
export class PrefixTable<T> {
  readonly #root: Segment<T> = {}

  /** @param prefix `/` or without a slash at its end */
  add (prefix: string, value: T): void {
    let segment = this.#root
    for (const name of prefix === '/' ? [] : prefix.slice(1).split('/')) {
      segment.next ??= new Map()
      const next = segment.next.get(name) ?? {}
      segment.next.set(name, next)
      segment = next
    }
    segment.value = value
  }

  find (url: string): T | undefined {
    let segment = this.#root
    let found = segment.value
    let start = 1
    while (segment.next !== undefined) {
      const end = endOfSegment(url, start)
      const next = segment.next.get(decoded(url.slice(start, end)))
      if (next === undefined) break
      segment = next
      found = segment.value ?? found
      if (url.charCodeAt(end) !== SLASH) break
      start = end + 1
    }
    return found
  }
}

const SLASH = 47
const QUESTION_MARK = 63
const NUMBER_SIGN = 35

function endOfSegment (url: string, start: number): number {
  for (let i = start; i < url.length; i++) {
    const code = url.charCodeAt(i)
    if (code === SLASH || code === QUESTION_MARK || code === NUMBER_SIGN) return i
  }
  return url.length
}

/**
 * As an upstream would read it: nobody passes by what holds for `/api` with `/%61pi` on the way of a shorter prefix.
 * What cannot be decoded is the name of no prefix.
 */
function decoded (segment: string): string {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
