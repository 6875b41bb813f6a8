/** Whose value tells of a span, and so goes with the one that is set. */
const OF_SPAN = ['traceparent', 'tracestate']

/** What is to be said to a service of the span that it works for. */
export class TraceFields {
  readonly #fields: Array<[name: string, value: string]> = []

  add (name: string, value: string): void {
    this.#fields.push([name.toLowerCase(), value])
  }

  /** Sets them in a head, in place of the client's. Where there are none it stays as it is. */
  setIn (head: string[]): void {
    if (this.#fields.length === 0) return
    for (let i = head.length - 2, name = head[i]; name !== undefined; i -= 2, name = head[i]) {
      if (this.#replaces(name)) head.splice(i, 2)
    }
    for (const [name, value] of this.#fields) head.push(name, value)
  }

  #replaces (name: string): boolean {
    if (!OF_SPAN.some(({ length }) => length === name.length) && !this.#fields.some(([{ length }]) => length === name.length)) return false
    const lowerCase = name.toLowerCase()
    // The state of another span would be taken for that of this one (W3C Trace Context, section 3.3.1.1).
    return OF_SPAN.includes(lowerCase) || this.#fields.some(([field]) => field === lowerCase)
  }
}
